/** The page of everything of one kind: a live table with a filter, an order and pages in the URL, and a way to make one more. */
import Box from '@cloudscape-design/components/box';
import Button from '@cloudscape-design/components/button';
import Header from '@cloudscape-design/components/header';
import SpaceBetween from '@cloudscape-design/components/space-between';
import Table, { type TableProps } from '@cloudscape-design/components/table';
import TextFilter from '@cloudscape-design/components/text-filter';
import type { ReactNode } from 'react';

import type { Live } from '../api/live';
import { m } from '../messages';
import { count } from '../messages/locale';
import { Trouble } from './feedback';
import { usePages } from './pages';
import type { View } from './table';

interface Props<T> {
  texts: { title: string; description: string; count: (found: number) => string };
  live: Live<readonly T[]>;
  view: View;
  /** What fits the filter, in order. */
  rows: readonly T[];
  trackBy: keyof T & string;
  columns: TableProps.ColumnDefinition<T>[];
  /** Shown while there is none. */
  none: ReactNode;
  createLabel: string;
  onCreate: () => void;
  /** Further buttons. */
  actions?: ReactNode;
}

export function ListTable<T>({ texts, live, view, rows, trackBy, columns, none, createLabel, onCreate, actions }: Props<T>) {
  const shown = usePages(rows, view);
  return (
    <Table<T>
      variant="full-page"
      stickyHeader
      loading={live.loading && !live.data}
      loadingText={m.app.loading}
      items={shown.items}
      trackBy={trackBy}
      ariaLabels={{ tableLabel: texts.title }}
      columnDefinitions={columns}
      sortingColumn={columns.find((column) => column.sortingField === view.sort) ?? {}}
      sortingDescending={view.descending}
      onSortingChange={({ detail }) =>
        view.set({ sort: `${detail.isDescending ? '-' : ''}${detail.sortingColumn.sortingField ?? view.sort}` })
      }
      empty={
        live.error && !live.data ? (
          <Trouble error={live.error} retry={live.refresh} />
        ) : view.text ? (
          <Box textAlign="center">{m.app.noMatch}</Box>
        ) : (
          none
        )
      }
      header={
        <Header
          variant="awsui-h1-sticky"
          counter={live.data ? `(${count(live.data.length)})` : undefined}
          description={texts.description}
          actions={
            <SpaceBetween direction="horizontal" size="xs">
              <Button iconName="refresh" ariaLabel={m.app.refresh} loading={live.loading} onClick={live.refresh} />
              {actions}
              <Button variant="primary" onClick={onCreate}>
                {createLabel}
              </Button>
            </SpaceBetween>
          }
        >
          {texts.title}
        </Header>
      }
      filter={
        <TextFilter
          filteringText={view.text}
          filteringPlaceholder={m.app.find}
          filteringAriaLabel={m.app.find}
          countText={view.text ? texts.count(rows.length) : undefined}
          onChange={({ detail }) => view.set({ filter: detail.filteringText })}
        />
      }
      pagination={shown.pagination}
      preferences={shown.preferences}
    />
  );
}

/** What an empty list says. */
export function None({ title, text }: { title: string; text: string }) {
  return (
    <Box textAlign="center" padding={{ vertical: 'l' }}>
      <Box variant="strong">{title}</Box>
      <Box variant="p" color="text-body-secondary">
        {text}
      </Box>
    </Box>
  );
}
