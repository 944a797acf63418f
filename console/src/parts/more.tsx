/** A long list as a section of a page, the newest first: pages of ten, older ones asked for when they are turned to. */
import Pagination from '@cloudscape-design/components/pagination';
import { useState, type ReactNode } from 'react';

import { useListing, type Page } from '../api/listing';
import type { Live } from '../api/live';

const PAGE = 10;

interface Options<T> {
  ask: (nextToken?: string) => Promise<Page<T>>;
  id: (row: T) => unknown;
  version?: (row: T) => unknown;
}

interface More<T> {
  live: Live<unknown>;
  /** Those of the page that is shown; none while they are asked for. */
  rows: readonly T[] | undefined;
  pagination: ReactNode;
}

/** Kept up to date while the first page is shown. */
export function useMore<T>(key: string, options: Options<T>): More<T> {
  const [chosen, choose] = useState(1);
  const { rows: held, error, loading, refresh, older } = useListing<T>(key, { ...options, live: chosen === 1 });
  const waits = older?.loading ?? false;
  const count = Math.max(1, Math.ceil((held?.length ?? 0) / PAGE));
  const page = waits ? chosen : Math.min(chosen, count);
  const rows = held?.slice((page - 1) * PAGE, page * PAGE);
  return {
    live: { data: held, error, loading: loading || waits, refresh },
    rows: waits && rows?.length === 0 ? undefined : rows,
    pagination: (count > 1 || older) && (
      <Pagination
        currentPageIndex={page}
        pagesCount={Math.max(count, page)}
        openEnd={older !== undefined}
        onChange={({ detail }) => {
          choose(detail.currentPageIndex);
          if (detail.currentPageIndex > count) older?.load();
        }}
      />
    ),
  };
}
