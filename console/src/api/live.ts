/** Data that stays fresh while somebody looks at it. */
import { useCallback, useEffect, useRef, useState } from 'react';

import { kindOf } from './errors';
import { expire } from './session';

export interface Live<T> {
  data: T | undefined;
  error: unknown;
  loading: boolean;
  /** Asks again now. */
  refresh: () => void;
}

/** Milliseconds between two looks. */
const EVERY = 5_000;
/** Failures that a refusal counts as: enough for the longest pause. */
const DENIED = 10;
/** The longest pause while the server does not answer. */
const LONGEST = 60_000;

/** The pause before the next look: twice as long with each failure, and 20 times as long as the look took. */
export function pause(failures: number, took: number): number {
  return Math.min(Math.max(EVERY * 2 ** failures, took * 20), LONGEST);
}

/**
 * Loads again and again. `key` names what is loaded: when it changes, the old data is gone at once. With `every` false it
 * is loaded once.
 */
export function useLive<T>(key: string, load: () => Promise<T>, every = true): Live<T> {
  const [state, setState] = useState<{ key: string; data?: T; error?: unknown; loading: boolean }>({ key, loading: true });
  const loader = useRef(load);
  loader.current = load;
  const again = useRef<() => void>(() => undefined);

  useEffect(() => {
    let ended = false;
    let failures = 0;
    let timer: ReturnType<typeof setTimeout> | undefined;
    let running = false;
    const look = async () => {
      if (running) return;
      running = true;
      clearTimeout(timer);
      const started = Date.now();
      try {
        const data = await loader.current();
        failures = 0;
        if (!ended) setState({ key, data, loading: false });
      } catch (error) {
        // Rights seldom change while a page is open, and each refusal is a row in the audit log.
        failures += kindOf(error) === 'denied' ? DENIED : 1;
        if (ended) return;
        if (kindOf(error) === 'signed-out') return expire();
        setState((old) => ({ ...(old.key === key ? old : { key }), error, loading: false }));
      } finally {
        running = false;
      }
      if (!ended && every) timer = setTimeout(tick, pause(failures, Date.now() - started));
    };
    const tick = () => {
      // A page nobody sees waits.
      if (document.hidden) document.addEventListener('visibilitychange', seen, { once: true });
      else void look();
    };
    const seen = () => void look();
    again.current = () => {
      setState((old) => (old.key === key ? { ...old, loading: true } : { key, loading: true }));
      void look();
    };
    void look();
    return () => {
      ended = true;
      clearTimeout(timer);
      document.removeEventListener('visibilitychange', seen);
    };
  }, [key, every]);

  const refresh = useCallback(() => again.current(), []);
  const fresh = state.key === key ? state : { key, loading: true };
  return { data: fresh.data, error: fresh.error, loading: fresh.loading, refresh };
}

/** Works through a list with at most `most` at once; results come in the list's order. */
export async function each<A, B>(items: readonly A[], most: number, work: (item: A) => Promise<B>): Promise<B[]> {
  const results: B[] = [];
  let next = 0;
  const worker = async () => {
    while (next < items.length) {
      const mine = next++;
      results[mine] = await work(items[mine] as A);
    }
  };
  await Promise.all(Array.from({ length: Math.min(most, items.length) }, worker));
  return results;
}
