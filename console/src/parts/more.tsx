/** A live list, the newest first, of which no more is loaded than is looked at. */
import Pagination from '@cloudscape-design/components/pagination';
import { useEffect, useState, type ReactNode } from 'react';

import { useLive, type Live } from '../api/live';

const PAGE = 10;
/** Events that are kept up to date at once. */
const MOST = 500;

interface Loaded<T> {
  events: readonly T[];
  /** There are more. */
  nextToken?: string;
}

interface More<T> {
  live: Live<Loaded<T>>;
  /** Those of the page that is shown. */
  rows: readonly T[] | undefined;
  pagination: ReactNode;
}

/** `load` is asked for so many at least. */
export function useMore<T>(key: string, load: (wanted: number) => Promise<Loaded<T>>): More<T> {
  const [page, setPage] = useState(1);
  const live = useLive(key, () => load(Math.min(page * PAGE + 1, MOST)));
  const { refresh } = live;
  useEffect(() => {
    if (page > 1) refresh();
  }, [page, refresh]);
  const events = live.data?.events ?? [];
  const more = live.data?.nextToken !== undefined && events.length < MOST;
  return {
    live,
    rows: live.data && events.slice((page - 1) * PAGE, page * PAGE),
    pagination: (events.length > PAGE || more) && (
      <Pagination
        currentPageIndex={page}
        pagesCount={Math.max(1, Math.ceil(Math.min(events.length, MOST) / PAGE))}
        openEnd={more}
        onChange={({ detail }) => setPage(detail.currentPageIndex)}
      />
    ),
  };
}
