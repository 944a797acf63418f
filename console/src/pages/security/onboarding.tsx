/** CAs of the reader's own, and what came of their devices' first connections. */
import {
  DeleteCACertificateCommand,
  DescribeCACertificateCommand,
  ListCACertificatesCommand,
  UpdateCACertificateCommand,
  type AutoRegistrationStatus,
  type CACertificateDescription,
  type CACertificateStatus,
} from '@aws-sdk/client-iot';
import Box from '@cloudscape-design/components/box';
import Button from '@cloudscape-design/components/button';
import ButtonDropdown from '@cloudscape-design/components/button-dropdown';
import ContentLayout from '@cloudscape-design/components/content-layout';
import Header from '@cloudscape-design/components/header';
import SpaceBetween from '@cloudscape-design/components/space-between';
import Table from '@cloudscape-design/components/table';
import { useState } from 'react';

import { clients } from '../../api/clients';
import { aws } from '../../api/command';
import { each, useLive } from '../../api/live';
import { moment } from '../../api/time';
import { m } from '../../messages';
import { Confirm } from '../../parts/confirm';
import { Command, Trouble, useNotices } from '../../parts/feedback';
import { CertificateStatus } from './certificates';
import { Funnel } from './funnel';

type Ca = CACertificateDescription & { templateName?: string; hasTemplate: boolean };

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

interface Change {
  action: string;
  text: string;
  command: string;
  done: string;
  work: () => Promise<unknown>;
}

function changesOf(ca: Ca): Record<string, Change & { disabled: boolean }> {
  const certificateId = ca.certificateId ?? '';
  const status = (to: CACertificateStatus, action: string, text: string) => ({
    action,
    text,
    done: m.cas.updated,
    disabled: ca.status === to,
    command: aws('iot', 'update-ca-certificate', { 'certificate-id': certificateId, 'new-status': to }),
    work: () => clients().iot.send(new UpdateCACertificateCommand({ certificateId, newStatus: to })),
  });
  const auto = (to: AutoRegistrationStatus, action: string, text: string) => ({
    action,
    text,
    done: m.cas.updated,
    disabled: ca.autoRegistrationStatus === to,
    command: aws('iot', 'update-ca-certificate', { 'certificate-id': certificateId, 'new-auto-registration-status': to }),
    work: () => clients().iot.send(new UpdateCACertificateCommand({ certificateId, newAutoRegistrationStatus: to })),
  });
  return {
    activate: status('ACTIVE', m.cas.activate, m.cas.activateText),
    deactivate: status('INACTIVE', m.cas.deactivate, m.cas.deactivateText),
    on: auto('ENABLE', m.cas.turnOn, m.cas.activateText),
    off: auto('DISABLE', m.cas.turnOff, m.cas.deactivateText),
    delete: {
      action: m.cas.remove,
      text: m.cas.removeText,
      done: m.cas.removed,
      disabled: ca.status === 'ACTIVE',
      command: aws('iot', 'delete-ca-certificate', { 'certificate-id': certificateId }),
      work: () => clients().iot.send(new DeleteCACertificateCommand({ certificateId })),
    },
  };
}

export default function Onboarding() {
  const live = useLive('cas', load);
  const { notice } = useNotices();
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
              counter={live.data ? `(${live.data.length})` : undefined}
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
              cell: ({ certificateId = '' }) => <span title={certificateId}>{certificateId.slice(0, 16)}…</span>,
            },
            { id: 'status', header: m.cas.status, cell: (ca) => <CertificateStatus status={ca.status} /> },
            {
              id: 'auto',
              header: m.cas.auto,
              cell: (ca) => (ca.autoRegistrationStatus === 'ENABLE' ? m.cas.autoOn : m.cas.autoOff),
            },
            { id: 'template', header: m.cas.template, cell: (ca) => ca.templateName ?? (ca.hasTemplate ? m.cas.inline : '–') },
            { id: 'created', header: m.cas.created, cell: (ca) => moment(ca.creationDate) },
          ]}
        />
        <Funnel />
      </SpaceBetween>
      {change && (
        <Confirm
          title={m.cas.confirm(change.action)}
          button={change.action}
          command={change.command}
          work={change.work}
          dismiss={() => setChange(undefined)}
          done={() => {
            notice('success', change.done);
            setChange(undefined);
            live.refresh();
          }}
        >
          <Box variant="p">{change.text}</Box>
        </Confirm>
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
        <Command text={'adit ca init --help\nadit ca register --help'} label={m.cas.noCas} />
      </Box>
    </SpaceBetween>
  );
}
