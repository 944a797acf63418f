/** Tunnels as the pages need them. */
import {
  DescribeTunnelCommand,
  ListTunnelsCommand,
  RotateTunnelAccessTokenCommand,
  type ClientMode,
  type Tunnel,
  type TunnelSummary,
} from '@aws-sdk/client-iotsecuretunneling';

import { clients } from '../../api/clients';

export type { Tunnel, TunnelSummary };

/** All tunnels, the newest first; with `thing` only those to it. */
export async function listTunnels(thing?: string): Promise<TunnelSummary[]> {
  const found: TunnelSummary[] = [];
  let nextToken: string | undefined;
  do {
    const page = await clients().tunnels.send(
      new ListTunnelsCommand({ maxResults: 100, nextToken, ...(thing ? { thingName: thing } : {}) }),
    );
    found.push(...(page.tunnelSummaries ?? []));
    nextToken = page.nextToken;
  } while (nextToken);
  return found.sort((a, b) => (b.createdAt?.getTime() ?? 0) - (a.createdAt?.getTime() ?? 0));
}

export async function describeTunnel(tunnelId: string): Promise<Tunnel> {
  const { tunnel } = await clients().tunnels.send(new DescribeTunnelCommand({ tunnelId }));
  return tunnel ?? {};
}

export interface Tokens {
  source?: string;
  destination?: string;
}

/** Tokens this tab was told, by tunnel; they are nowhere else. */
const held = new Map<string, Tokens>();

export function hold(tunnelId: string, tokens: Tokens): void {
  held.set(tunnelId, { ...held.get(tunnelId), ...tokens });
}

export function heldTokens(tunnelId: string): Tokens | undefined {
  return held.get(tunnelId);
}

export async function rotate(tunnel: Tunnel, side: ClientMode): Promise<Tokens> {
  const tunnelId = tunnel.tunnelId ?? '';
  const toDevice = side !== 'SOURCE' && tunnel.destinationConfig?.thingName;
  const answer = await clients().tunnels.send(
    new RotateTunnelAccessTokenCommand({
      tunnelId,
      clientMode: side,
      ...(toDevice ? { destinationConfig: tunnel.destinationConfig } : {}),
    }),
  );
  const tokens: Tokens = {};
  if (answer.sourceAccessToken) tokens.source = answer.sourceAccessToken;
  if (answer.destinationAccessToken) tokens.destination = answer.destinationAccessToken;
  hold(tunnelId, tokens);
  return tokens;
}

/** When the tunnel ends by itself, in milliseconds. */
export function endOf(tunnel: Tunnel): number | undefined {
  const minutes = tunnel.timeoutConfig?.maxLifetimeTimeoutMinutes;
  if (!tunnel.createdAt || !minutes) return undefined;
  return tunnel.createdAt.getTime() + minutes * 60_000;
}

export function isOpen(tunnel: { status?: string }): boolean {
  return tunnel.status === 'OPEN';
}
