/** The history of a tunnel: a live table of what the server noted about it. */
import StatusIndicator from '@cloudscape-design/components/status-indicator';

import { auditEvents, type AuditEvent } from '../../api/audit';
import { curl } from '../../api/command';
import { m } from '../../messages';
import { SameOnCommandLine } from '../../parts/feedback';
import { useMore } from '../../parts/more';
import { SectionTable } from '../../parts/section';
import { When } from '../../parts/whole';
import { told } from './happening';

/** Events that are asked for at once. */
const PAGE = 50;

export function History({ arn }: { arn: string }) {
  const { live, rows, pagination } = useMore<AuditEvent>(`history of ${arn}`, {
    ask: (nextToken) => auditEvents({ resource: arn }, PAGE, nextToken),
    id: ({ sequence }) => sequence,
  });
  const side = { source: m.tunnels.source, destination: m.tunnels.destination };
  return (
    <SectionTable<AuditEvent & ReturnType<typeof told>>
      title={m.history.title}
      counted={false}
      live={live}
      rows={rows?.map((event) => ({ ...event, ...told(event) }))}
      trackBy="sequence"
      none={m.history.none}
      pagination={pagination}
      footer={<SameOnCommandLine command={curl('/adit/audit-events', { resource: arn })} />}
      columns={[
        { id: 'when', header: m.history.when, minWidth: 140, cell: (row) => <When at={row.at} /> },
        { id: 'side', header: m.history.side, cell: (row) => (row.side ? side[row.side] : '–') },
        {
          id: 'what',
          header: m.history.what,
          isRowHeader: true,
          minWidth: 280,
          cell: (row) => (
            <StatusIndicator type={row.kind}>
              <span className="sentence">{row.text}</span>
            </StatusIndicator>
          ),
        },
        { id: 'from', header: m.history.from, cell: (row) => row.ipAddress ?? '–' },
      ]}
    />
  );
}
