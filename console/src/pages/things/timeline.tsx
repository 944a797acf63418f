/** The timeline of a thing: when its device came and left, was refused and why, was provisioned. */
import Button from '@cloudscape-design/components/button';
import Link from '@cloudscape-design/components/link';
import StatusIndicator from '@cloudscape-design/components/status-indicator';

import { quoted } from '../../api/command';
import { moment } from '../../api/time';
import { m } from '../../messages';
import { SameOnCommandLine } from '../../parts/feedback';
import { None } from '../../parts/list-table';
import { SectionTable } from '../../parts/section';
import { useMore } from '../../parts/more';
import { When } from '../../parts/whole';
import { href } from '../../router';
import { thingEvents, told, type ThingEvent } from './events';

export function Timeline({ name }: { name: string }) {
  const { live, rows, pagination } = useMore<ThingEvent>(`events of ${name}`, {
    ask: (nextToken) => thingEvents(name, nextToken),
    id: ({ sequence }) => sequence,
    // A run of the same grows.
    version: ({ sequence, count }) => `${sequence} ${count}`,
  });
  return (
    <SectionTable<ThingEvent>
      title={m.things.timeline}
      actions={<Button href={href(['refusals'], { thingName: name })}>{m.refusals.title}</Button>}
      counted={false}
      live={live}
      rows={rows}
      trackBy="sequence"
      footer={<SameOnCommandLine command={`adit thing events ${quoted(name)}`} />}
      none={<None title={m.things.timelineNone} text={m.things.timelineNoneText} />}
      pagination={pagination}
      columns={[
        { id: 'when', header: m.things.when, minWidth: 140, cell: (row) => <When at={row.at} /> },
        {
          id: 'what',
          header: m.things.what,
          isRowHeader: true,
          minWidth: 280,
          cell: (row) => {
            const { kind, text } = told(row);
            const times = row.count > 1 ? ` ${m.things.times(row.count, moment(row.firstAt))}` : '';
            return (
              <StatusIndicator type={kind}>
                <span className="sentence">{`${text}${times}`}</span>
              </StatusIndicator>
            );
          },
        },
        { id: 'client', header: m.things.client, cell: (row) => row.clientId ?? '–' },
        { id: 'from', header: m.things.from, cell: (row) => row.ipAddress ?? '–' },
        {
          id: 'certificate',
          header: m.things.certificate,
          cell: ({ certificateId }) =>
            certificateId ? <Link href={href(['certificates', certificateId])}>{certificateId.slice(0, 16)}…</Link> : '–',
        },
      ]}
    />
  );
}
