/** Filter, order and page of a table, kept in the URL. */
import { useMemo } from 'react';

import { once } from '../messages/locale';
import { href, replace, usePlace } from '../router';

/** Rows of a page, unless the reader wants more. */
export const PAGE_SIZE = 25;

export interface View {
  text: string;
  sort: string;
  descending: boolean;
  page: number;
  /** A further value of the query. */
  get: (name: string) => string;
  set: (values: Record<string, string | undefined>) => void;
}

/** The view of the table on this page; `sort` is the order when the URL names none, descending with a minus before it. */
export function useView(sort: string): View {
  const { path, query } = usePlace();
  return useMemo(() => {
    const order = query.get('sort') ?? sort;
    return {
      text: query.get('filter') ?? '',
      sort: order.replace(/^-/, ''),
      descending: order.startsWith('-'),
      page: Math.max(1, Number(query.get('page')) || 1),
      get: (name) => query.get(name) ?? '',
      set: (values) => {
        const old = Object.fromEntries(query.entries());
        // Another filter or order begins at the first page.
        const page = 'page' in values ? {} : { page: undefined };
        const next: Record<string, string | undefined> = { ...old, ...page, ...values };
        if (next.sort === sort) next.sort = undefined;
        if (next.page === '1') next.page = undefined;
        replace(href(path, next));
      },
    };
  }, [path, query, sort]);
}

/** The rows that hold every word of the filter, in order. */
export function arrange<T>(
  rows: readonly T[],
  view: Pick<View, 'text' | 'sort' | 'descending'>,
  texts: (row: T) => (string | undefined)[],
  keys: Record<string, (row: T) => string | number>,
): T[] {
  const words = view.text.toLowerCase().split(/\s+/).filter(Boolean);
  const fits = (row: T) => {
    const all = texts(row).join('\n').toLowerCase();
    return words.every((word) => all.includes(word));
  };
  const found = words.length > 0 ? rows.filter(fits) : [...rows];
  const key = keys[view.sort];
  if (key) {
    const order = once('order', (tag) => new Intl.Collator(tag, { numeric: true }));
    const compare = (a: string | number, b: string | number) =>
      typeof a === 'number' && typeof b === 'number' ? a - b : order.compare(String(a), String(b));
    found.sort((a, b) => compare(key(a), key(b)) * (view.descending ? -1 : 1));
  }
  return found;
}

export function pageOf<T>(rows: readonly T[], page: number, size = PAGE_SIZE): T[] {
  return rows.slice((page - 1) * size, page * size);
}

export function pages(rows: number, size = PAGE_SIZE): number {
  return Math.max(1, Math.ceil(rows / size));
}
