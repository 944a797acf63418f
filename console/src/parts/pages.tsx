/** The pages of a table: which one is shown, and how many rows each has. */
import CollectionPreferences from '@cloudscape-design/components/collection-preferences';
import Pagination from '@cloudscape-design/components/pagination';
import { useState, type ReactNode } from 'react';

import { m } from '../messages';
import { PAGE_SIZE, pageOf, pages, type View } from './table';

const KEY = 'adit.page-size';
const SIZES = [PAGE_SIZE, 50, 100];

function chosen(): number {
  const size = Number(localStorage.getItem(KEY));
  return SIZES.includes(size) ? size : PAGE_SIZE;
}

interface Pages<T> {
  items: T[];
  pagination: ReactNode;
  preferences: ReactNode;
}

/** The rows of the page that the view names, and the two ways to see others. The size is kept in this browser for all tables. */
export function usePages<T>(rows: readonly T[], view: View): Pages<T> {
  const [size, setSize] = useState(chosen);
  const count = pages(rows.length, size);
  const page = Math.min(view.page, count);
  const choose = (to: number) => {
    localStorage.setItem(KEY, String(to));
    setSize(to);
    view.set({ page: undefined });
  };
  return {
    items: pageOf(rows, page, size),
    pagination: (
      <Pagination
        currentPageIndex={page}
        pagesCount={count}
        onChange={({ detail }) => view.set({ page: String(detail.currentPageIndex) })}
      />
    ),
    preferences: (
      <CollectionPreferences
        title={m.app.preferences}
        preferences={{ pageSize: size }}
        pageSizePreference={{ options: SIZES.map((value) => ({ value, label: m.app.rowsAPage(value) })) }}
        onConfirm={({ detail }) => choose(detail.pageSize ?? PAGE_SIZE)}
      />
    ),
  };
}
