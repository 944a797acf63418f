/** Where the reader is: the part of the URL behind `#`, so that no page's address is a path of the API. */
import { useSyncExternalStore } from 'react';

export interface Place {
  /** The words of the path, decoded: `#/tunnels/ID` is `['tunnels', 'ID']`. */
  path: string[];
  query: URLSearchParams;
}

export function parse(hash: string): Place {
  const [path = '', query = ''] = hash.replace(/^#/, '').split('?', 2);
  const words = path.split('/').filter(Boolean).map(decoded);
  return { path: words, query: new URLSearchParams(query) };
}

function decoded(word: string): string {
  try {
    return decodeURIComponent(word);
  } catch {
    return word;
  }
}

/** The address of a page; empty values are left out of the query. */
export function href(path: string[], query: Record<string, string | undefined> = {}): string {
  const pairs = Object.entries(query).filter((pair): pair is [string, string] => Boolean(pair[1]));
  const text = new URLSearchParams(pairs).toString();
  return `#/${path.map(encodeURIComponent).join('/')}${text ? `?${text}` : ''}`;
}

export function go(to: string): void {
  location.hash = to;
}

/** Changes the address without a step in the history: for filters and sorting. */
export function replace(to: string): void {
  history.replaceState(null, '', to);
  dispatchEvent(new HashChangeEvent('hashchange'));
}

function subscribe(changed: () => void): () => void {
  addEventListener('hashchange', changed);
  return () => removeEventListener('hashchange', changed);
}

let last = { hash: '', place: parse('') };

function current(): Place {
  if (location.hash !== last.hash) last = { hash: location.hash, place: parse(location.hash) };
  return last.place;
}

export function usePlace(): Place {
  return useSyncExternalStore(subscribe, current);
}
