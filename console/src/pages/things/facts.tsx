/** What a thing is, and whether it is connected. */
import type { DescribeThingCommandOutput, GetThingConnectivityDataCommandOutput } from '@aws-sdk/client-iot';
import Box from '@cloudscape-design/components/box';
import Button from '@cloudscape-design/components/button';
import StatusIndicator from '@cloudscape-design/components/status-indicator';

import { aws } from '../../api/command';
import { moment, span } from '../../api/time';
import { m } from '../../messages';
import { Facts, Token } from '../../parts/detail';
import { reasonOf } from './events';

export type Connectivity = GetThingConnectivityDataCommandOutput;

interface Props {
  thing: DescribeThingCommandOutput;
  connection: Connectivity | undefined;
  edit: () => void;
}

export function ThingFacts({ thing, connection, edit }: Props) {
  const attributes = Object.entries(thing.attributes ?? {});
  return (
    <Facts
      title={m.things.details}
      actions={<Button onClick={edit}>{m.things.edit}</Button>}
      command={commandsOf(thing.thingName ?? '')}
      items={[
        { label: m.things.connection, value: <State connection={connection} /> },
        ...sessionOf(connection),
        { label: m.things.type, value: thing.thingTypeName ?? '–' },
        {
          label: m.things.attributes,
          value:
            attributes.length > 0
              ? attributes.map(([key, value]) => <div key={key} className="token">{`${key}=${value}`}</div>)
              : m.things.noAttributes,
        },
        { label: m.things.version, value: String(thing.version ?? '–') },
        { label: m.things.arn, value: <Token>{thing.thingArn}</Token> },
      ]}
    />
  );
}

function commandsOf(name: string): string {
  return [
    aws('iot', 'describe-thing', { 'thing-name': name }),
    aws('iot', 'get-thing-connectivity-data', { 'thing-name': name, 'include-socket-information': true }),
  ].join('\n');
}

function State({ connection }: { connection: Connectivity | undefined }) {
  if (!connection?.clientId && !connection?.timestamp) return <Box>{m.things.unknownConnection}</Box>;
  return (
    <>
      <StatusIndicator type={connection.connected ? 'success' : 'stopped'}>
        {connection.connected ? m.things.online : m.things.offline}
      </StatusIndicator>
      {connection.timestamp && <Box color="text-body-secondary">{m.things.onlineSince(moment(connection.timestamp))}</Box>}
    </>
  );
}

/** From where it is or was connected, and how. */
function sessionOf(connection: Connectivity | undefined) {
  if (!connection?.clientId) return [];
  const { connected, sourceIp, sourcePort, disconnectReason, keepAliveDuration, sessionExpiry } = connection;
  const why = connected ? undefined : reasonOf(disconnectReason);
  return [
    ...(why ? [{ label: m.things.endedBecause, value: why }] : []),
    ...(sourceIp ? [{ label: m.things.address, value: sourcePort ? m.things.addressAndPort(sourceIp, sourcePort) : sourceIp }] : []),
    { label: m.things.client, value: connection.clientId },
    ...(keepAliveDuration === undefined ? [] : [{ label: m.things.keepAlive, value: m.things.seconds(keepAliveDuration) }]),
    {
      label: m.things.session,
      value: sessionExpiry ? m.things.sessionKept(span(sessionExpiry * 1000)) : m.things.sessionClean,
    },
  ];
}
