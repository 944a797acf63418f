/** Tunnels as the pages need them. */
import {
  DescribeTunnelCommand,
  ListTunnelsCommand,
  OpenTunnelCommand,
  RotateTunnelAccessTokenCommand,
  type ClientMode,
  type OpenTunnelCommandInput,
  type Tunnel,
  type TunnelSummary,
} from '@aws-sdk/client-iotsecuretunneling';

import { clients } from '../../api/clients';
import { aws } from '../../api/command';

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

function hold(tunnelId: string, tokens: Tokens): void {
  held.set(tunnelId, { ...held.get(tunnelId), ...tokens });
}

/** Opens a tunnel and keeps its tokens in this tab; its id. */
export async function openTunnel(input: OpenTunnelCommandInput): Promise<string> {
  const opened = await clients().tunnels.send(new OpenTunnelCommand(input));
  const id = opened.tunnelId ?? '';
  hold(id, { source: opened.sourceAccessToken, destination: opened.destinationAccessToken });
  return id;
}

export function heldTokens(tunnelId: string): Tokens | undefined {
  return held.get(tunnelId);
}

/** The command that does as `rotate`. */
export function rotateCommand({ tunnelId, destinationConfig }: Tunnel, side: ClientMode): string {
  const { thingName, services } = destinationConfig ?? {};
  const toDevice = side !== 'SOURCE' && thingName ? `thingName=${thingName},services=${services?.join(',')}` : undefined;
  return aws('iotsecuretunneling', 'rotate-tunnel-access-token', {
    'tunnel-id': tunnelId,
    'client-mode': side,
    'destination-config': toDevice,
  });
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

/** The first tunnel with SSH that nobody is connected to as the source. */
export function free(tunnels: readonly Tunnel[]): Tunnel | undefined {
  return tunnels.find(
    (tunnel) =>
      isOpen(tunnel) && tunnel.destinationConfig?.services?.includes('SSH') && tunnel.sourceConnectionState?.status !== 'CONNECTED',
  );
}

/** When the tunnel ends by itself, in milliseconds. */
export function endOf(tunnel: Tunnel): number | undefined {
  const minutes = tunnel.timeoutConfig?.maxLifetimeTimeoutMinutes;
  if (!tunnel.createdAt || !minutes) return undefined;
  return tunnel.createdAt.getTime() + minutes * 60_000;
}

/** From when on the end of a tunnel is announced, in milliseconds before it. */
const SOON = 15 * 60_000;

export function endsSoon(tunnel: Tunnel, now: number): boolean {
  const end = endOf(tunnel);
  return isOpen(tunnel) && end !== undefined && end - now < SOON;
}

export function isOpen(tunnel: { status?: string }): boolean {
  return tunnel.status === 'OPEN';
}
