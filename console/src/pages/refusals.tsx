/** Who was turned away lately, and why. */
import Box from '@cloudscape-design/components/box';
import Button from '@cloudscape-design/components/button';
import Header from '@cloudscape-design/components/header';
import Link from '@cloudscape-design/components/link';
import Pagination from '@cloudscape-design/components/pagination';
import SpaceBetween from '@cloudscape-design/components/space-between';
import Table from '@cloudscape-design/components/table';
import TextFilter from '@cloudscape-design/components/text-filter';
import { useState } from 'react';

import { refusals, type Refusal } from '../api/adit';
import { useLive } from '../api/live';
import { moment } from '../api/time';
import { m } from '../messages';
import { Said, Trouble } from '../parts/feedback';
import { arrange, pageOf, pages, useView } from '../parts/table';
import { href } from '../router';

export default function Refusals() {
  const view = useView('');
  const [paused, setPaused] = useState(false);
  const live = useLive('refusals', () => refusals(), !paused);
  const rows = arrange<Refusal>(
    live.data ?? [],
    view,
    (row) => [row.reason, row.thingName, row.clientId, row.ipAddress, row.certificateId, row.stage],
    {},
  );
  const page = Math.min(view.page, pages(rows.length));
  return (
    <RefusalTable
      rows={pageOf(rows, page)}
      loading={live.loading && !live.data}
      empty={live.error ? <Trouble error={live.error} retry={live.refresh} /> : <None filtered={Boolean(view.text)} />}
      header={
        <Header
          variant="h1"
          description={m.refusals.description}
          counter={live.data ? `(${live.data.length})` : undefined}
          actions={
            <SpaceBetween direction="horizontal" size="xs">
              <Button iconName="refresh" ariaLabel={m.app.refresh} onClick={live.refresh} />
              <Button onClick={() => setPaused(!paused)}>{paused ? m.refusals.resume : m.refusals.pause}</Button>
            </SpaceBetween>
          }
        >
          {m.refusals.title}
        </Header>
      }
      filter={
        <TextFilter
          filteringText={view.text}
          filteringPlaceholder={m.app.find}
          filteringAriaLabel={m.app.find}
          onChange={({ detail }) => view.set({ filter: detail.filteringText })}
        />
      }
      pagination={
        <Pagination
          currentPageIndex={page}
          pagesCount={pages(rows.length)}
          onChange={({ detail }) => view.set({ page: String(detail.currentPageIndex) })}
        />
      }
    />
  );
}

function None({ filtered }: { filtered: boolean }) {
  if (filtered) return <Box textAlign="center">{m.app.noMatch}</Box>;
  return (
    <Box textAlign="center" padding={{ vertical: 'l' }}>
      <Box variant="strong">{m.refusals.none}</Box>
      <Box variant="p" color="text-body-secondary">
        {m.refusals.noneText}
      </Box>
    </Box>
  );
}

/** The words for a stage; one that a newer server has is shown as it is. */
export function stageOf(stage: string): string {
  return (m.refusals.stages as Record<string, string>)[stage] ?? stage;
}

interface TableProps {
  rows: Refusal[];
  loading: boolean;
  empty: React.ReactNode;
  header: React.ReactNode;
  filter?: React.ReactNode;
  pagination?: React.ReactNode;
  embedded?: boolean;
}

/** Refusals in a table, also on the page of a thing. */
export function RefusalTable({ rows, loading, empty, header, filter, pagination, embedded }: TableProps) {
  return (
    <Table<Refusal>
      variant={embedded ? 'container' : 'full-page'}
      wrapLines
      loading={loading}
      loadingText={m.app.loading}
      items={rows}
      ariaLabels={{ tableLabel: m.refusals.title }}
      empty={empty}
      header={header}
      filter={filter}
      pagination={pagination}
      columnDefinitions={[
        { id: 'when', header: m.refusals.when, isRowHeader: true, cell: (row) => moment(row.at) },
        { id: 'count', header: m.refusals.count, cell: (row) => row.count },
        { id: 'stage', header: m.refusals.stage, cell: (row) => stageOf(row.stage) },
        { id: 'why', header: m.refusals.why, minWidth: 320, cell: (row) => <Said>{row.reason}</Said> },
        {
          id: 'thing',
          header: m.refusals.thing,
          cell: (row) => (row.thingName ? <Link href={href(['things', row.thingName])}>{row.thingName}</Link> : '–'),
        },
        { id: 'client', header: m.refusals.client, cell: (row) => row.clientId ?? '–' },
        { id: 'address', header: m.refusals.address, cell: (row) => row.ipAddress ?? '–' },
      ]}
    />
  );
}
