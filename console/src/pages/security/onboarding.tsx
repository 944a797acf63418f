/** CAs of the reader's own, and what came of their devices' first connections. */
import {
  DescribeCACertificateCommand,
  ListCACertificatesCommand,
  type CACertificateDescription,
} from '@aws-sdk/client-iot';
import Box from '@cloudscape-design/components/box';
import Button from '@cloudscape-design/components/button';
import ButtonDropdown from '@cloudscape-design/components/button-dropdown';
import ContentLayout from '@cloudscape-design/components/content-layout';
import Header from '@cloudscape-design/components/header';
import Link from '@cloudscape-design/components/link';
import SpaceBetween from '@cloudscape-design/components/space-between';
import Table from '@cloudscape-design/components/table';
import { useState } from 'react';

import { clients } from '../../api/clients';
import { each, useLive } from '../../api/live';
import { m } from '../../messages';
import { count } from '../../messages/locale';
import { Token } from '../../parts/detail';
import { Command, Trouble } from '../../parts/feedback';
import { When } from '../../parts/whole';
import { href } from '../../router';
import { changesOf, type Change } from './ca-changes';
import { CertificateStatus } from './certificates';
import { ChangeCaDialog } from './change-ca';
import { Funnel } from './funnel';

type Ca = CACertificateDescription & { templateName?: string | undefined; hasTemplate: boolean };

async function load(): Promise<Ca[]> {
  const { iot } = clients();
  const ids: string[] = [];
  let marker: string | undefined;
  do {
    const page = await iot.send(new ListCACertificatesCommand({ pageSize: 250, marker }));
    ids.push(...(page.certificates ?? []).map((ca) => ca.certificateId ?? ''));
    marker = page.nextMarker;
  } while (marker);
  return each(ids, 6, async (certificateId) => {
    const found = await iot.send(new DescribeCACertificateCommand({ certificateId }));
    const { templateName, templateBody } = found.registrationConfig ?? {};
    return { ...found.certificateDescription, templateName, hasTemplate: Boolean(templateName || templateBody) };
  });
}

export default function Onboarding() {
  const live = useLive('cas', load);
  const [selected, setSelected] = useState<string>();
  const [change, setChange] = useState<Change>();
  const chosen = live.data?.find((ca) => ca.certificateId === selected);
  const changes = chosen ? changesOf(chosen) : {};
  return (
    <ContentLayout
      header={
        <Header variant="h1" description={m.cas.description}>
          {m.cas.title}
        </Header>
      }
    >
      <SpaceBetween size="l">
        <Table<Ca>
          variant="container"
          loading={live.loading && !live.data}
          loadingText={m.app.loading}
          items={live.data ?? []}
          trackBy="certificateId"
          selectionType="single"
          selectedItems={chosen ? [chosen] : []}
          onSelectionChange={({ detail }) => setSelected(detail.selectedItems[0]?.certificateId)}
          ariaLabels={{
            tableLabel: m.cas.cas,
            selectionGroupLabel: m.cas.cas,
            itemSelectionLabel: (_, ca) => m.cas.select(ca.certificateId ?? ''),
          }}
          empty={live.error ? <Trouble error={live.error} retry={live.refresh} /> : <FirstCa />}
          header={
            <Header
              variant="h2"
              counter={live.data ? `(${count(live.data.length)})` : undefined}
              actions={
                <SpaceBetween direction="horizontal" size="xs">
                  <Button iconName="refresh" ariaLabel={m.app.refresh} loading={live.loading} onClick={live.refresh} />
                  <ButtonDropdown
                    disabled={!chosen}
                    items={Object.entries(changes).map(([id, { action, disabled }]) => ({ id, text: action, disabled }))}
                    onItemClick={({ detail }) => setChange(changes[detail.id])}
                  >
                    {m.cas.actions}
                  </ButtonDropdown>
                  <Button variant="primary" href={href(['onboarding', 'register'])}>
                    {m.ca.register}
                  </Button>
                </SpaceBetween>
              }
            >
              {m.cas.cas}
            </Header>
          }
          columnDefinitions={[
            {
              id: 'id',
              header: m.cas.id,
              isRowHeader: true,
              cell: ({ certificateId = '' }) => (
                <Link href={href(['onboarding', certificateId])}>
                  <span title={certificateId}>{certificateId.slice(0, 16)}…</span>
                </Link>
              ),
            },
            { id: 'status', header: m.cas.status, cell: (ca) => <CertificateStatus status={ca.status} /> },
            {
              id: 'auto',
              header: m.cas.auto,
              cell: (ca) => (ca.autoRegistrationStatus === 'ENABLE' ? m.cas.autoOn : m.cas.autoOff),
            },
            { id: 'mode', header: m.cas.mode, cell: (ca) => <Token>{ca.certificateMode ?? 'DEFAULT'}</Token> },
            {
              id: 'template',
              header: m.cas.template,
              cell: ({ templateName, hasTemplate }) =>
                templateName ? (
                  <Link href={href(['templates', templateName])}>{templateName}</Link>
                ) : hasTemplate ? (
                  m.cas.inline
                ) : (
                  '–'
                ),
            },
            { id: 'created', header: m.cas.created, cell: (ca) => <When at={ca.creationDate} /> },
          ]}
        />
        <Funnel />
      </SpaceBetween>
      {change && (
        <ChangeCaDialog
          change={change}
          dismiss={() => setChange(undefined)}
          done={() => {
            setChange(undefined);
            live.refresh();
          }}
        />
      )}
    </ContentLayout>
  );
}

function FirstCa() {
  return (
    <SpaceBetween size="s">
      <Box variant="strong">{m.cas.noCas}</Box>
      <Box variant="p">{m.cas.noCasText}</Box>
      <Box textAlign="left">
        <Command text={'adit ca init\nadit ca register --template-name NAME'} label={m.cas.noCas} />
      </Box>
    </SpaceBetween>
  );
}
