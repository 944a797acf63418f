/** How the server does, and what it allows: `GetServerHealth` and `ListLimits`. */
import { adit } from './clients';

export interface Health {
  version: string;
  node: string;
  region: string;
  account: string;
  phase: string;
  /** Epoch seconds. */
  startedAt: number;
  uptimeSeconds: number;
  ready: boolean;
  connections: number;
  mqttClients: number;
  tunnels: { open: number; sourcesConnected: number; destinationsConnected: number };
  store: { writable: boolean; error?: string; transactions: number; commits: number; failures: number };
  listeners: { address: string; tls: boolean; serve: string[] }[];
}

export function health(): Promise<Health> {
  return adit('GET', '/adit/health');
}

export interface Limit {
  name: string;
  value: string;
  unit?: string;
  description: string;
  /** Whether it is a key of the configuration. */
  configurable: boolean;
  /** Of a configurable one. */
  default?: string;
  used?: number;
}

export async function limits(): Promise<Limit[]> {
  return (await adit<{ limits: Limit[] }>('GET', '/adit/limits')).limits;
}
