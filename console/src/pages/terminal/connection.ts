/** A terminal session's life, without its looks: joining, signing in, coming back after a loss. */
import { useCallback, useEffect, useRef, useState } from 'react';

import { current } from '../../api/session';
import { m } from '../../messages';
import { HostRefused, LoginRefused, Ssh, type Credentials } from '../../ssh/client';
import { judge, pin, placeOf } from '../../ssh/host-keys';
import { join, TunnelError } from '../../ssh/tunnel';
import { describeTunnel, heldTokens, isOpen, rotate, type Tunnel } from '../tunnels/data';

export interface HostQuestion {
  place: string;
  fingerprint: string;
  /** The key that was trusted before, when this is another one. */
  known?: string;
  answer: (trust: boolean) => void;
}

export type State =
  | { kind: 'idle'; error?: string }
  | { kind: 'working'; text: string }
  | { kind: 'connected'; ssh: Ssh; where: string }
  | { kind: 'again'; seconds: number };

/** How long a lost session is tried again, in milliseconds, and the longest pause between two tries, in seconds. */
const GIVE_UP = 10 * 60_000;
const LONGEST = 30;

/** The pause before a try, in seconds. */
export function pauseBefore(attempt: number): number {
  return Math.min(2 ** attempt, LONGEST);
}

function textOf(error: unknown): string {
  if (error instanceof LoginRefused) return m.ssh.refused;
  if (error instanceof HostRefused) return m.ssh.hostKeyRefused;
  if (error instanceof TunnelError) {
    if (error.reason === 'reset') return m.ssh.reset;
    if (error.reason === 'closed') return m.ssh.tunnelClosed;
  }
  return error instanceof Error ? error.message : String(error);
}

/** Whether trying again may help. */
function isPassing(error: unknown): boolean {
  return error instanceof TunnelError && (error.reason === 'lost' || error.reason === 'reset');
}

const sleep = (milliseconds: number) => new Promise((resolve) => setTimeout(resolve, milliseconds));

/** Client tokens by tunnel: with its own a tab may come back with a token that is used already. */
const clientTokens = new Map<string, string>();

function clientTokenOf(token: string): string {
  const found = clientTokens.get(token) ?? crypto.randomUUID();
  clientTokens.set(token, found);
  return found;
}

export function useConnection(tunnel: Tunnel) {
  const [state, setState] = useState<State>({ kind: 'idle' });
  const [question, setQuestion] = useState<HostQuestion>();
  const live = useRef(tunnel);
  live.current = tunnel;
  const run = useRef(0);
  const open = useRef<Ssh>(undefined);
  const { thingName, services } = tunnel.destinationConfig ?? {};
  const id = tunnel.tunnelId ?? '';

  const trusts = useCallback(
    async (fingerprint: string) => {
      const who = current();
      const place = placeOf(who?.account ?? '', who?.region ?? '', thingName, id);
      const verdict = judge(place, fingerprint);
      if (verdict.kind === 'known') return true;
      const known = verdict.kind === 'changed' ? { known: verdict.known } : {};
      const trusted = await new Promise<boolean>((answer) => setQuestion({ place: thingName ?? id, fingerprint, ...known, answer }));
      setQuestion(undefined);
      if (trusted) pin(place, fingerprint);
      return trusted;
    },
    [thingName, id],
  );

  /** One whole try. */
  const once = useCallback(
    async (credentials: Credentials, mine: number) => {
      const say = (text: string) => {
        if (run.current === mine) setState({ kind: 'working', text });
      };
      const token = heldTokens(id)?.source ?? (await rotate(live.current, 'SOURCE')).source ?? '';
      for (;;) {
        const seen = await describeTunnel(id);
        if (run.current !== mine) throw new TunnelError('ended', '');
        if (!isOpen(seen)) throw new TunnelError('closed', m.ssh.tunnelClosed);
        if (seen.destinationConnectionState?.status === 'CONNECTED') break;
        say(m.ssh.waitingDevice);
        await sleep(1_000);
      }
      say(m.ssh.joining);
      const socket = await join(token, clientTokenOf(token));
      const service = services?.includes('SSH') ? 'SSH' : (services?.[0] ?? '');
      const steps = { greeting: () => say(m.ssh.greeting), loggingIn: () => say(m.ssh.loggingIn) };
      return Ssh.open(socket, service, credentials, trusts, steps);
    },
    [id, services, trusts],
  );

  const connect = useCallback(
    async (credentials: Credentials) => {
      const mine = ++run.current;
      let lostAt = 0;
      for (let attempt = 0; run.current === mine; ) {
        try {
          const ssh = await once(credentials, mine);
          if (run.current !== mine) return ssh.close();
          [open.current, lostAt, attempt] = [ssh, 0, 0];
          const over = new Promise<TunnelError>((resolve) => (ssh.onOver = resolve));
          setState({ kind: 'connected', ssh, where: `${credentials.user}@${thingName ?? id}` });
          const error = await over;
          open.current = undefined;
          if (run.current !== mine) return;
          if (error.reason === 'ended') return setState({ kind: 'idle' });
          if (!isPassing(error)) return setState({ kind: 'idle', error: textOf(error) });
          lostAt = Date.now();
        } catch (error) {
          if (run.current !== mine) return;
          // Before the first sign-in a failure is the reader's to see; afterwards it may pass.
          const hopeless = lostAt === 0 || Date.now() - lostAt > GIVE_UP;
          const final = error instanceof LoginRefused || error instanceof HostRefused || (error instanceof TunnelError && error.reason === 'closed');
          if (hopeless || final) return setState({ kind: 'idle', error: textOf(error) });
        }
        const seconds = pauseBefore(attempt++);
        setState({ kind: 'again', seconds });
        await sleep(seconds * 1_000);
      }
    },
    [once, thingName, id],
  );

  const disconnect = useCallback(() => {
    run.current += 1;
    open.current?.close();
    open.current = undefined;
    setState({ kind: 'idle' });
  }, []);

  useEffect(() => disconnect, [disconnect]);
  return { state, question, connect, disconnect };
}
