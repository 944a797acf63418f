/** The devices of one CA, from the first connection to an active certificate, and what kept others out. */
import { ListCertificatesByCACommand, type Certificate } from '@aws-sdk/client-iot';
import Box from '@cloudscape-design/components/box';
import Button from '@cloudscape-design/components/button';
import Header from '@cloudscape-design/components/header';
import KeyValuePairs from '@cloudscape-design/components/key-value-pairs';
import Link from '@cloudscape-design/components/link';
import Select from '@cloudscape-design/components/select';
import SpaceBetween from '@cloudscape-design/components/space-between';
import type { StatusIndicatorProps } from '@cloudscape-design/components/status-indicator';
import Table from '@cloudscape-design/components/table';

import { retry } from '../../api/adit';
import { clients } from '../../api/clients';
import { aws } from '../../api/command';
import { useLive } from '../../api/live';
import { attemptsOf } from '../../api/provisioning';
import { m } from '../../messages';
import { SameOnCommandLine, Trouble } from '../../parts/feedback';
import { useAct } from '../../parts/form';
import { usePages } from '../../parts/pages';
import { useView } from '../../parts/table';
import { StatusWord, When } from '../../parts/whole';
import { href } from '../../router';
import { counts, newcomers, type Newcomer, type Stage } from './newcomers';

/** Certificates of the CA that are looked at. */
const MOST = 10_000;

async function certificatesOf(caCertificateId: string): Promise<Certificate[]> {
  const found: Certificate[] = [];
  let marker: string | undefined;
  do {
    const page = await clients().iot.send(new ListCertificatesByCACommand({ caCertificateId, pageSize: 250, marker }));
    found.push(...(page.certificates ?? []));
    marker = page.nextMarker;
  } while (marker && found.length < MOST);
  return found;
}

const TYPES: Record<Stage, StatusIndicatorProps.Type> = {
  active: 'success',
  pending: 'pending',
  failed: 'error',
  other: 'stopped',
};
const STAGES = Object.keys(TYPES) as Stage[];

function isStage(text: string): text is Stage {
  return text in TYPES;
}

export function CaFunnel({ id }: { id: string }) {
  const view = useView('');
  const live = useLive(`devices of ${id}`, async () => {
    const [certificates, attempts] = await Promise.all([certificatesOf(id), attemptsOf(id)]);
    return newcomers(certificates, attempts);
  });
  const act = useAct(live.refresh);
  const again = (one: Newcomer) => void act(retry(one.id), m.cas.retried);
  const all = live.data ?? [];
  const found = counts(all);
  const show = view.get('show');
  const rows = isStage(show) ? all.filter(({ stage }) => stage === show) : all;
  const shown = usePages(rows, view);
  const options = [
    { value: '', label: m.ca.everything },
    ...STAGES.map((stage) => ({ value: stage, label: `${m.ca.stages[stage]} (${found[stage]})` })),
  ];
  return (
    <Table<Newcomer>
      variant="container"
      wrapLines
      loading={live.loading && !live.data}
      loadingText={m.app.loading}
      items={shown.items}
      trackBy="id"
      ariaLabels={{ tableLabel: m.ca.funnel }}
      empty={live.error ? <Trouble error={live.error} retry={live.refresh} /> : all.length > 0 ? m.ca.noneHere : <None />}
      header={
        <SpaceBetween size="m">
          <Header variant="h2" description={m.ca.funnelText}>
            {m.ca.funnel}
          </Header>
          <KeyValuePairs
            columns={4}
            minColumnWidth={100}
            items={[
              { label: m.ca.seen, value: <Box variant="awsui-value-large">{found.seen}</Box> },
              ...(['pending', 'active', 'failed'] as const).map((stage) => ({
                label: m.ca.stages[stage],
                value: <Box variant="awsui-value-large">{found[stage]}</Box>,
              })),
            ]}
          />
        </SpaceBetween>
      }
      filter={
        <Select
          ariaLabel={m.ca.stage}
          selectedOption={options.find(({ value }) => value === show) ?? options[0] ?? null}
          options={options}
          onChange={({ detail }) => view.set({ show: detail.selectedOption.value || undefined })}
        />
      }
      pagination={shown.pagination}
      preferences={shown.preferences}
      footer={<SameOnCommandLine command={aws('iot', 'list-certificates-by-ca', { 'ca-certificate-id': id })} />}
      columnDefinitions={[
        {
          id: 'certificate',
          header: m.cas.certificate,
          isRowHeader: true,
          cell: ({ id }) => (
            <Link href={href(['certificates', id])}>
              <span title={id}>{id.slice(0, 16)}…</span>
            </Link>
          ),
        },
        {
          id: 'stage',
          header: m.ca.stage,
          minWidth: 120,
          cell: ({ stage, status }) => (
            <StatusWord type={TYPES[stage]}>
              {stage === 'other' ? (status ?? m.ca.other) : m.ca.stages[stage]}
            </StatusWord>
          ),
        },
        {
          id: 'thing',
          header: m.cas.thing,
          minWidth: 120,
          cell: ({ thing, stage }) =>
            thing && stage === 'active' ? <Link href={href(['things', thing])}>{thing}</Link> : (thing ?? '–'),
        },
        { id: 'why', header: m.cas.why, minWidth: 240, cell: ({ why }) => why ?? '–' },
        { id: 'tries', header: m.cas.tries, cell: ({ tries }) => tries },
        { id: 'last', header: m.cas.last, cell: ({ last }) => <When at={new Date(last)} /> },
        {
          id: 'retry',
          header: m.cas.actions,
          minWidth: 140,
          cell: (one) =>
            one.stage === 'failed' ? (
              <Button wrapText={false} onClick={() => again(one)} ariaLabel={m.cas.retryOf(one.id.slice(0, 16))}>
                {m.cas.retry}
              </Button>
            ) : (
              '–'
            ),
        },
      ]}
    />
  );
}

function None() {
  return (
    <>
      <Box variant="strong">{m.ca.none}</Box>
      <Box variant="p" color="text-body-secondary">
        {m.ca.noneText}
      </Box>
    </>
  );
}
