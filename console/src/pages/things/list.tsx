/** The things. */
import Link from '@cloudscape-design/components/link';
import StatusIndicator from '@cloudscape-design/components/status-indicator';
import type { TableProps } from '@cloudscape-design/components/table';
import { useMemo, useState } from 'react';

import { connections } from '../../api/adit';
import { useLive } from '../../api/live';
import { m } from '../../messages';
import { ListTable } from '../../parts/list-table';
import { arrange, useView } from '../../parts/table';
import { href } from '../../router';
import { CreateThingDialog } from './create';
import { listThings, type ThingAttribute } from './data';
import { FirstDevice } from './first-device';

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
