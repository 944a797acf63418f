/** A long list, the newest first: its first page is kept up to date, older ones are asked for when they are wanted. */
import { useCallback, useEffect, useRef, useState } from 'react';

import { kindOf } from './errors';
import { useLive } from './live';
import { expire } from './session';

export interface Page<T> {
  rows: readonly T[];
  nextToken?: string;
}

export interface Held<T> extends Page<T> {
  /** Rows that the last page added: none when the server looked at many and none fitted. */
  added: number;
}

/** Rows that are kept at most. */
const MOST = 50_000;

/** What is held, with a newer first page. `id` names a row, `version` one state of it. */
export function renewed<T>(old: Held<T>, page: Page<T>, id: (row: T) => unknown, version = id): Held<T> {
  const known = new Set(old.rows.map(version));
  // With no row in common there are others between: the list begins anew.
  const joined = page.nextToken !== undefined && page.rows.some((row) => known.has(version(row)));
  if (!joined) return { ...page, added: page.rows.length };
  const fresh = new Set(page.rows.map(id));
  return { ...old, rows: [...page.rows, ...old.rows.filter((row) => !fresh.has(id(row)))] };
}

/** What is held, with the page after it. */
export function extended<T>(old: Held<T>, page: Page<T>, id: (row: T) => unknown): Held<T> {
  const known = new Set(old.rows.map(id));
  const rows = page.rows.filter((row) => !known.has(id(row)));
  const nextToken = old.rows.length + rows.length < MOST ? page.nextToken : undefined;
  return { rows: [...old.rows, ...rows], nextToken, added: rows.length };
}

export interface Listing<T> {
  /** None before the first answer. */
  rows: readonly T[] | undefined;
  error: unknown;
  loading: boolean;
  refresh: () => void;
  /** The way to older rows, if there are any. */
  older: { loading: boolean; load: () => void; /** Whether the last page held any. */ some: boolean } | undefined;
}

interface Options<T> {
  ask: (nextToken?: string) => Promise<Page<T>>;
  id: (row: T) => unknown;
  version?: (row: T) => unknown;
  /** Whether the first page is kept up to date. */
  live: boolean;
}

/** `key` names what is listed: when it changes, the old rows are gone at once. */
export function useListing<T>(key: string, { ask, id, version, live }: Options<T>): Listing<T> {
  const first = useLive(key, () => ask(), live);
  const [state, setState] = useState<{ key: string; held?: Held<T>; loading: boolean; error?: unknown }>({ key, loading: false });
  const use = useRef({ ask, id, version });
  use.current = { ask, id, version };

  useEffect(() => {
    const { data } = first;
    if (!data) return;
    setState((old) => {
      const held = old.key === key ? old.held : undefined;
      const next = held ? renewed(held, data, use.current.id, use.current.version) : { ...data, added: data.rows.length };
      return { ...old, key, held: next, ...(old.key === key ? {} : { loading: false, error: undefined }) };
    });
  }, [key, first.data]);

  const held = state.key === key ? state.held : undefined;
  const token = held?.nextToken;
  const load = useCallback(() => {
    setState((old) => ({ ...old, loading: true, error: undefined }));
    use.current.ask(token).then(
      (page) =>
        setState((old) => {
          // Another list was chosen, or this one began anew, while the answer was on its way.
          if (old.key !== key || !old.held || old.held.nextToken !== token) return { ...old, loading: false };
          return { ...old, held: extended(old.held, page, use.current.id), loading: false };
        }),
      (error: unknown) => {
        if (kindOf(error) === 'signed-out') return expire();
        setState((old) => ({ ...old, error, loading: false }));
      },
    );
  }, [key, token]);

  return {
    rows: held?.rows,
    error: first.error ?? (state.key === key ? state.error : undefined),
    loading: first.loading,
    refresh: first.refresh,
    older: token === undefined ? undefined : { loading: state.loading, load, some: (held?.added ?? 0) > 0 && state.error === undefined },
  };
}
