/** The history of a tunnel: a live table of what the server noted about it. */
import Pagination from '@cloudscape-design/components/pagination';
import StatusIndicator from '@cloudscape-design/components/status-indicator';
import { useEffect, useState } from 'react';

import { auditEvents, type AuditEvent } from '../../api/audit';
import { useLive } from '../../api/live';
import { moment } from '../../api/time';
import { m } from '../../messages';
import { SectionTable } from '../../parts/section';
import { told } from './happening';

const PAGE = 10;
/** Events that are kept up to date; older ones are in the audit log. */
const MOST = 500;

export function History({ arn }: { arn: string }) {
  const [page, setPage] = useState(1);
  const wanted = Math.min(page * PAGE + 1, MOST);
  const live = useLive(`history of ${arn}`, () => auditEvents({ resource: arn }, wanted));
  const { refresh } = live;
  useEffect(() => {
    if (page > 1) refresh();
  }, [page, refresh]);
  const events = live.data?.events ?? [];
  const pages = Math.max(1, Math.ceil(events.length / PAGE));
  const more = live.data?.nextToken !== undefined && events.length < MOST;
  const side = { source: m.tunnels.source, destination: m.tunnels.destination };
  return (
    <SectionTable<AuditEvent & ReturnType<typeof told>>
      title={m.history.title}
      counted={false}
      live={live}
      rows={live.data && events.slice((page - 1) * PAGE, page * PAGE).map((event) => ({ ...event, ...told(event) }))}
      trackBy="sequence"
      none={m.history.none}
      pagination={
        events.length > PAGE || more ? (
          <Pagination
            currentPageIndex={page}
            pagesCount={pages}
            openEnd={more}
            onChange={({ detail }) => setPage(detail.currentPageIndex)}
          />
        ) : undefined
      }
      columns={[
        { id: 'when', header: m.history.when, minWidth: 140, cell: (row) => moment(row.at) },
        { id: 'side', header: m.history.side, cell: (row) => (row.side ? side[row.side] : '–') },
        {
          id: 'what',
          header: m.history.what,
          isRowHeader: true,
          minWidth: 280,
          cell: (row) => <StatusIndicator type={row.kind}>{row.text}</StatusIndicator>,
        },
        { id: 'from', header: m.history.from, cell: (row) => row.ipAddress ?? '–' },
      ]}
    />
  );
}
