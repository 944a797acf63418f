/** The things. */
import Box from '@cloudscape-design/components/box';
import Button from '@cloudscape-design/components/button';
import Link from '@cloudscape-design/components/link';
import SpaceBetween from '@cloudscape-design/components/space-between';
import StatusIndicator from '@cloudscape-design/components/status-indicator';
import type { TableProps } from '@cloudscape-design/components/table';
import { useMemo, useState } from 'react';

import { connections } from '../../api/adit';
import { aws } from '../../api/command';
import { useLive } from '../../api/live';
import { endpoint } from '../../api/server';
import { m } from '../../messages';
import { Command } from '../../parts/feedback';
import { ListTable } from '../../parts/list-table';
import { arrange, useView } from '../../parts/table';
import { href } from '../../router';
import { CreateThingDialog } from './create';
import { listThings, type ThingAttribute } from './data';

const KEYS: Record<string, (thing: ThingAttribute) => string | number> = {
  name: (thing) => thing.thingName ?? '',
  type: (thing) => thing.thingTypeName ?? '',
};

function attributesOf(thing: ThingAttribute): string {
  return Object.entries(thing.attributes ?? {})
    .map(([name, value]) => `${name}=${value}`)
    .join(', ');
}

export default function ThingList() {
  const view = useView('name');
  const live = useLive('things', listThings);
  // Who may list things may not always list connections: then that column stays empty.
  const connected = useLive('connections', () => connections().catch(() => undefined));
  const [creating, setCreating] = useState(false);
  const online = useMemo(() => new Set((connected.data ?? []).map((one) => one.thingName)), [connected.data]);
  const rows = useMemo(
    () =>
      arrange<ThingAttribute>(
        live.data ?? [],
        view,
        (thing) => [thing.thingName, thing.thingTypeName, attributesOf(thing)],
        KEYS,
      ),
    [live.data, view],
  );
  const columns: TableProps.ColumnDefinition<ThingAttribute>[] = [
    {
      id: 'name',
      header: m.things.name,
      sortingField: 'name',
      isRowHeader: true,
      cell: (thing) => <Link href={href(['things', thing.thingName ?? ''])}>{thing.thingName}</Link>,
    },
    {
      id: 'connection',
      header: m.things.connection,
      cell: (thing) => {
        if (!connected.data) return '–';
        return online.has(thing.thingName) ? (
          <StatusIndicator type="success">{m.things.online}</StatusIndicator>
        ) : (
          <StatusIndicator type="stopped">{m.things.offline}</StatusIndicator>
        );
      },
    },
    { id: 'type', header: m.things.type, sortingField: 'type', cell: (thing) => thing.thingTypeName ?? '–' },
    { id: 'attributes', header: m.things.attributes, cell: (thing) => attributesOf(thing) || m.things.noAttributes },
  ];

  return (
    <>
      <ListTable
        texts={m.things}
        live={live}
        view={view}
        rows={rows}
        trackBy="thingName"
        columns={columns}
        none={<FirstDevice create={() => setCreating(true)} />}
        createLabel={m.things.create}
        onCreate={() => setCreating(true)}
      />
      {creating && (
        <CreateThingDialog
          dismiss={() => setCreating(false)}
          done={() => {
            setCreating(false);
            live.refresh();
          }}
        />
      )}
    </>
  );
}

/** The commands that bring the first device here. */
function FirstDevice({ create }: { create: () => void }) {
  const host = endpoint().split(':')[0] ?? '';
  const commands = [
    aws('iot', 'create-thing', { 'thing-name': 'lamp1' }),
    `ARN=$(${aws('iot', 'create-keys-and-certificate', {
      'set-as-active': true,
      'certificate-pem-outfile': 'lamp1.pem',
      'private-key-outfile': 'lamp1.key',
      query: 'certificateArn',
      output: 'text',
    })})`,
    `aws iot attach-thing-principal --thing-name lamp1 --principal "$ARN"`,
    aws('iot', 'create-policy', {
      'policy-name': 'Lamp',
      'policy-document': {
        Version: '2012-10-17',
        Statement: [{ Effect: 'Allow', Action: 'iot:*', Resource: '*' }],
      },
    }),
    `aws iot attach-policy --policy-name Lamp --target "$ARN"`,
    `mosquitto_sub --cafile ca.pem --cert lamp1.pem --key lamp1.key -h ${host} -p 8883 -i lamp1 -t 'lamp1/#' -v`,
  ];
  return (
    <Box padding={{ vertical: 'l' }}>
      <SpaceBetween size="s">
        <Box variant="strong">{m.things.first}</Box>
        <Box variant="p" color="text-body-secondary">
          {m.things.firstText}
        </Box>
        <Box textAlign="left">
          <Command text={commands.join('\n')} label={m.things.first} />
        </Box>
        <Button onClick={create}>{m.things.create}</Button>
      </SpaceBetween>
    </Box>
  );
}
