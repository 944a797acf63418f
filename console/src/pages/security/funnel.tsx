/** What came of provisioning devices on their first connection. */
import Box from '@cloudscape-design/components/box';
import Button from '@cloudscape-design/components/button';
import Header from '@cloudscape-design/components/header';
import KeyValuePairs from '@cloudscape-design/components/key-value-pairs';
import Link from '@cloudscape-design/components/link';
import SegmentedControl from '@cloudscape-design/components/segmented-control';
import SpaceBetween from '@cloudscape-design/components/space-between';
import Table from '@cloudscape-design/components/table';

import { attempts, retry, type Attempt } from '../../api/adit';
import { textOf } from '../../api/errors';
import { useLive } from '../../api/live';
import { m } from '../../messages';
import { Trouble, useNotices } from '../../parts/feedback';
import { usePages } from '../../parts/pages';
import { useView } from '../../parts/table';
import { StatusWord, When } from '../../parts/whole';
import { href } from '../../router';

export function Funnel() {
  const view = useView('');
  const { notice } = useNotices();
  const live = useLive('attempts', attempts);
  const all = live.data ?? [];
  const failed = all.filter((one) => !one.succeeded);
  const onlyFailed = view.get('show') === 'failed';
  const rows = onlyFailed ? failed : all;
  const shown = usePages(rows, view);
  const again = (id: string) =>
    retry(id).then(
      () => {
        notice('success', m.cas.retried);
        live.refresh();
      },
      (error: unknown) => {
        notice('error', textOf(error));
        live.refresh();
      },
    );
  return (
    <Table<Attempt>
      variant="container"
      wrapLines
      loading={live.loading && !live.data}
      loadingText={m.app.loading}
      items={shown.items}
      trackBy="certificateId"
      ariaLabels={{ tableLabel: m.cas.funnel }}
      empty={live.error ? <Trouble error={live.error} retry={live.refresh} /> : m.cas.noAttempts}
      header={
        <SpaceBetween size="m">
          <Header variant="h2" description={m.cas.funnelText}>
            {m.cas.funnel}
          </Header>
          <KeyValuePairs
            columns={3}
            minColumnWidth={100}
            items={[
              { label: m.cas.seen, value: <Box variant="awsui-value-large">{all.length}</Box> },
              { label: m.cas.came, value: <Box variant="awsui-value-large">{all.length - failed.length}</Box> },
              { label: m.cas.failed, value: <Box variant="awsui-value-large">{failed.length}</Box> },
            ]}
          />
        </SpaceBetween>
      }
      filter={
        <SegmentedControl
          label={m.cas.outcome}
          selectedId={onlyFailed ? 'failed' : 'all'}
          onChange={({ detail }) => view.set({ show: detail.selectedId === 'failed' ? 'failed' : undefined })}
          options={[
            { id: 'all', text: m.cas.everything },
            { id: 'failed', text: m.cas.onlyFailed },
          ]}
        />
      }
      pagination={shown.pagination}
      preferences={shown.preferences}
      columnDefinitions={[
        {
          id: 'certificate',
          header: m.cas.certificate,
          isRowHeader: true,
          cell: ({ certificateId }) => (
            <Link href={href(['certificates', certificateId])}>
              <span title={certificateId}>{certificateId.slice(0, 16)}…</span>
            </Link>
          ),
        },
        {
          id: 'outcome',
          header: m.cas.outcome,
          minWidth: 120,
          cell: (one) =>
            one.succeeded ? (
              <StatusWord type="success">{m.cas.came}</StatusWord>
            ) : (
              <StatusWord type="error">{m.cas.failed}</StatusWord>
            ),
        },
        {
          id: 'thing',
          header: m.cas.thing,
          cell: ({ thingName }) => (thingName ? <Link href={href(['things', thingName])}>{thingName}</Link> : '–'),
        },
        {
          id: 'why',
          header: m.cas.why,
          minWidth: 240,
          cell: (one) => (one.succeeded ? '–' : `${one.step ?? ''}: ${one.reason ?? ''}`),
        },
        { id: 'tries', header: m.cas.tries, cell: (one) => one.tries },
        { id: 'last', header: m.cas.last, cell: (one) => <When at={new Date(one.lastAt * 1000)} /> },
        {
          id: 'retry',
          header: m.cas.actions,
          minWidth: 140,
          cell: ({ certificateId, succeeded }) =>
            succeeded ? (
              '–'
            ) : (
              <Button wrapText={false} onClick={() => void again(certificateId)} ariaLabel={m.cas.retryOf(certificateId.slice(0, 16))}>
                {m.cas.retry}
              </Button>
            ),
        },
      ]}
    />
  );
}
