/** Who is signed in. Credentials live in this tab's session storage only and end with it. */
import { useSyncExternalStore } from 'react';

import { m } from '../messages';

export interface Session {
  accessKeyId: string;
  secretAccessKey: string;
  sessionToken?: string;
  region: string;
  account: string;
  arn: string;
  /** Milliseconds since 1970; none for a key that does not end. */
  expiresAt?: number;
}

const KEY = 'adit.session';
const listeners = new Set<() => void>();
let session: Session | null | undefined;
/** Whether the last session ended by itself. */
let over = false;

function read(): Session | null {
  try {
    const stored = sessionStorage.getItem(KEY);
    return stored ? (JSON.parse(stored) as Session) : null;
  } catch {
    return null;
  }
}

export function current(): Session | null {
  session ??= read();
  return session;
}

/** Who is signed in; whoever asks for it when nobody is has a session that is over. */
export function signedIn(): Session {
  const session = current();
  if (!session) throw Object.assign(new Error(m.signIn.expired), { name: 'ExpiredToken' });
  return session;
}

export function signIn(signedIn: Session): void {
  session = signedIn;
  sessionStorage.setItem(KEY, JSON.stringify(signedIn));
  listeners.forEach((changed) => changed());
}

/** Forgets the credentials and all that was on the pages. */
export function signOut(): void {
  end(false);
}

/** The server takes the credentials no longer; the place on the pages stays in the address. */
export function expire(): void {
  end(true);
}

export function isOver(): boolean {
  return over;
}

function end(byItself: boolean): void {
  over = byItself;
  session = null;
  sessionStorage.removeItem(KEY);
  listeners.forEach((changed) => changed());
}

export function useSession(): Session | null {
  return useSyncExternalStore((changed) => {
    listeners.add(changed);
    return () => listeners.delete(changed);
  }, current);
}
