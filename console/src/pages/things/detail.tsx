/** One thing. */
import {
  DeleteThingCommand,
  DescribeThingCommand,
  GetThingConnectivityDataCommand,
  ListThingGroupsForThingCommand,
  ListThingPrincipalsCommand,
} from '@aws-sdk/client-iot';
import Box from '@cloudscape-design/components/box';
import Button from '@cloudscape-design/components/button';
import Container from '@cloudscape-design/components/container';
import ContentLayout from '@cloudscape-design/components/content-layout';
import Header from '@cloudscape-design/components/header';
import KeyValuePairs from '@cloudscape-design/components/key-value-pairs';
import Link from '@cloudscape-design/components/link';
import Modal from '@cloudscape-design/components/modal';
import SpaceBetween from '@cloudscape-design/components/space-between';
import Spinner from '@cloudscape-design/components/spinner';
import StatusIndicator from '@cloudscape-design/components/status-indicator';
import Table from '@cloudscape-design/components/table';
import Tabs from '@cloudscape-design/components/tabs';
import { useState } from 'react';

import { refusals } from '../../api/adit';
import { clients } from '../../api/clients';
import { aws } from '../../api/command';
import { useLive } from '../../api/live';
import { moment } from '../../api/time';
import { m } from '../../messages';
import { SameOnCommandLine, Trouble, useNotices } from '../../parts/feedback';
import { go, href } from '../../router';
import { RefusalTable } from '../refusals';
import { listTunnels, type TunnelSummary } from '../tunnels/data';
import { Status } from '../tunnels/parts';
import { shadowsOf } from './data';
import { ReachDialog } from './reach';

async function load(thingName: string) {
  const { iot } = clients();
  const [thing, groups, connection] = await Promise.all([
    iot.send(new DescribeThingCommand({ thingName })),
    iot.send(new ListThingGroupsForThingCommand({ thingName })).catch(() => undefined),
    iot.send(new GetThingConnectivityDataCommand({ thingName })).catch(() => undefined),
  ]);
  return { thing, groups: groups?.thingGroups, connection };
}

type Loaded = Awaited<ReturnType<typeof load>>;

export default function ThingDetail({ name }: { name: string }) {
  const live = useLive(`thing ${name}`, () => load(name));
  const [reaching, setReaching] = useState(false);
  const [deleting, setDeleting] = useState(false);
  if (!live.data) return live.error ? <Trouble error={live.error} retry={live.refresh} /> : <Spinner size="large" />;
  return (
    <ContentLayout
      header={
        <Header
          variant="h1"
          actions={
            <SpaceBetween direction="horizontal" size="xs">
              <Button iconName="refresh" ariaLabel={m.app.refresh} loading={live.loading} onClick={live.refresh} />
              <Button onClick={() => setDeleting(true)}>{m.app.remove}</Button>
              <Button variant="primary" onClick={() => setReaching(true)}>
                {m.things.tunnel}
              </Button>
            </SpaceBetween>
          }
        >
          {name}
        </Header>
      }
    >
      <SpaceBetween size="l">
        {live.error !== undefined && <Trouble error={live.error} retry={live.refresh} />}
        <Facts name={name} loaded={live.data} />
        <Tabs
          ariaLabel={name}
          tabs={[
            { id: 'tunnels', label: m.things.tunnels, content: <Tunnels name={name} /> },
            { id: 'certificates', label: m.things.certificates, content: <Certificates name={name} /> },
            { id: 'shadows', label: m.things.shadows, content: <Shadows name={name} /> },
            { id: 'refused', label: m.things.refused, content: <Refused name={name} /> },
          ]}
        />
      </SpaceBetween>
      {reaching && <ReachDialog thing={name} dismiss={() => setReaching(false)} />}
      {deleting && <DeleteDialog name={name} dismiss={() => setDeleting(false)} />}
    </ContentLayout>
  );
}

function Facts({ name, loaded: { thing, groups, connection } }: { name: string; loaded: Loaded }) {
  const attributes = Object.entries(thing.attributes ?? {});
  const state = connection && (
    <>
      <StatusIndicator type={connection.connected ? 'success' : 'stopped'}>
        {connection.connected ? m.things.online : m.things.offline}
      </StatusIndicator>
      {connection.timestamp && (
        <Box color="text-body-secondary">
          {m.things.onlineSince(moment(connection.timestamp))}
          {!connection.connected && connection.disconnectReason ? ` (${connection.disconnectReason})` : ''}
        </Box>
      )}
    </>
  );
  return (
    <Container
      header={<Header variant="h2">{m.things.details}</Header>}
      footer={<SameOnCommandLine command={aws('iot', 'describe-thing', { 'thing-name': name })} />}
    >
      <KeyValuePairs
        columns={3}
        minColumnWidth={180}
        items={[
          { label: m.things.connection, value: state ?? '–' },
          { label: m.things.type, value: thing.thingTypeName ?? '–' },
          { label: m.things.groups, value: groups?.map((group) => group.groupName).join(', ') || m.things.noGroups },
          {
            label: m.things.attributes,
            value: attributes.map(([key, value]) => `${key}=${value}`).join(', ') || m.things.noAttributes,
          },
          { label: m.things.version, value: String(thing.version ?? '–') },
          { label: m.things.arn, value: <span className="token">{thing.thingArn}</span> },
        ]}
      />
    </Container>
  );
}

function Tunnels({ name }: { name: string }) {
  const live = useLive(`tunnels of ${name}`, () => listTunnels(name));
  return (
    <Table<TunnelSummary>
      variant="container"
      loading={live.loading && !live.data}
      loadingText={m.app.loading}
      items={live.data ?? []}
      ariaLabels={{ tableLabel: m.things.tunnels }}
      empty={live.error ? <Trouble error={live.error} retry={live.refresh} /> : m.things.noTunnels}
      columnDefinitions={[
        {
          id: 'id',
          header: m.tunnels.id,
          isRowHeader: true,
          cell: (row) => <Link href={href(['tunnels', row.tunnelId ?? ''])}>{row.tunnelId}</Link>,
        },
        { id: 'status', header: m.tunnels.status, cell: (row) => <Status status={row.status} /> },
        { id: 'about', header: m.tunnels.about, cell: (row) => row.description || '–' },
        { id: 'created', header: m.tunnels.created, cell: (row) => moment(row.createdAt) },
      ]}
    />
  );
}

function Certificates({ name }: { name: string }) {
  const live = useLive(
    `principals of ${name}`,
    async () => (await clients().iot.send(new ListThingPrincipalsCommand({ thingName: name }))).principals ?? [],
  );
  const empty = (
    <>
      <Box variant="strong">{m.things.noCertificates}</Box>
      <Box variant="p">{m.things.noCertificatesText}</Box>
    </>
  );
  return (
    <Table<string>
      variant="container"
      loading={live.loading && !live.data}
      loadingText={m.app.loading}
      items={live.data ?? []}
      ariaLabels={{ tableLabel: m.things.certificates }}
      empty={live.error ? <Trouble error={live.error} retry={live.refresh} /> : empty}
      columnDefinitions={[
        {
          id: 'arn',
          header: m.things.arn,
          isRowHeader: true,
          cell: (arn) => {
            const id = arn.split(':cert/')[1];
            return id ? <Link href={href(['certificates', id])}>{id}</Link> : <span className="token">{arn}</span>;
          },
        },
      ]}
    />
  );
}

function Shadows({ name }: { name: string }) {
  const live = useLive(`shadows of ${name}`, () => shadowsOf(name));
  if (!live.data) return live.error ? <Trouble error={live.error} retry={live.refresh} /> : <Spinner />;
  if (live.data.length === 0) {
    return (
      <Container>
        <Box textAlign="center">
          <Box variant="strong">{m.things.noShadows}</Box>
          <Box variant="p">{m.things.noShadowsText}</Box>
        </Box>
      </Container>
    );
  }
  return (
    <SpaceBetween size="m">
      {live.data.map((shadow) => (
        <Container
          key={shadow.name}
          header={<Header variant="h3">{shadow.name || m.things.classic}</Header>}
          footer={
            <SameOnCommandLine
              command={`${aws('iot-data', 'get-thing-shadow', { 'thing-name': name, 'shadow-name': shadow.name || undefined })} /dev/stdout`}
            />
          }
        >
          <pre className="document" tabIndex={0} aria-label={shadow.name || m.things.classic}>
            {shadow.document}
          </pre>
        </Container>
      ))}
    </SpaceBetween>
  );
}

function Refused({ name }: { name: string }) {
  const live = useLive(`refusals of ${name}`, () => refusals(name));
  return (
    <RefusalTable
      embedded
      rows={live.data ?? []}
      loading={live.loading && !live.data}
      header={undefined}
      empty={live.error ? <Trouble error={live.error} retry={live.refresh} /> : m.things.noRefusals}
    />
  );
}

function DeleteDialog({ name, dismiss }: { name: string; dismiss: () => void }) {
  const { notice } = useNotices();
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>();
  const work = () => {
    setBusy(true);
    clients()
      .iot.send(new DeleteThingCommand({ thingName: name }))
      .then(
        () => {
          notice('success', m.things.deletedNow(name));
          go('#/things');
        },
        (failure: unknown) => {
          setError(failure);
          setBusy(false);
        },
      );
  };
  return (
    <Modal
      visible
      onDismiss={dismiss}
      header={m.things.deleteTitle(name)}
      footer={
        <Box float="right">
          <SpaceBetween direction="horizontal" size="xs">
            <Button variant="link" onClick={dismiss}>
              {m.app.cancel}
            </Button>
            <Button variant="primary" loading={busy} onClick={work}>
              {m.app.remove}
            </Button>
          </SpaceBetween>
        </Box>
      }
    >
      <SpaceBetween size="s">
        {error !== undefined && <Trouble error={error} />}
        <Box variant="p">{m.things.deleteText}</Box>
        <SameOnCommandLine command={aws('iot', 'delete-thing', { 'thing-name': name })} />
      </SpaceBetween>
    </Modal>
  );
}
