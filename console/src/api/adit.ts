/** adit's own operations, below `/adit/`. */
import { adit } from './clients';

export interface Refusal {
  /** The last time; the first. */
  at: Date;
  firstAt: Date;
  count: number;
  stage: string;
  /** What was tried and why it was refused, in a sentence. */
  text: string;
  reason: string;
  action?: string;
  resource?: string;
  principal?: string;
  certificateId?: string;
  thingName?: string;
  clientId?: string;
  ipAddress?: string;
}

type RawRefusal = Omit<Refusal, 'at' | 'firstAt'> & { lastAt: number; firstAt: number };

/** Which refusals: all that is given must fit. */
export interface RefusalQuery {
  thingName?: string;
  /** How the id begins. */
  certificateId?: string;
  clientId?: string;
  ipAddress?: string;
}

/** Refusals looked at in one go. */
const MOST = 250;

/** A page of refusals, the newest first. */
export async function refusals(query: RefusalQuery, nextToken?: string): Promise<{ rows: Refusal[]; nextToken?: string }> {
  const asked = { ...query, maxResults: String(MOST), ...(nextToken ? { nextToken } : {}) };
  const page = await adit<{ refusals: RawRefusal[]; nextToken?: string }>('GET', '/adit/refusals', asked);
  const rows = page.refusals.map(({ lastAt, firstAt, ...rest }) => ({ ...rest, at: new Date(lastAt * 1000), firstAt: new Date(firstAt * 1000) }));
  return { rows, ...(page.nextToken ? { nextToken: page.nextToken } : {}) };
}

export interface Connection {
  clientId: string;
  principal?: string;
  thingName?: string;
  source?: string;
  connectedSince?: number;
}

/** Connected MQTT clients of things; at most so many pages are asked for. */
export async function connections(of: { clientId?: string; certificateId?: string } = {}): Promise<Connection[]> {
  const found: Connection[] = [];
  let nextToken: string | undefined;
  for (let pages = 0; pages < 40; pages++) {
    const query = { maxResults: '250', ...of, ...(nextToken ? { nextToken } : {}) };
    const page = await adit<{ connections: Connection[]; nextToken?: string }>('GET', '/adit/connections', query);
    found.push(...page.connections);
    nextToken = page.nextToken;
    if (!nextToken) break;
  }
  return found;
}

export interface Attempt {
  certificateId: string;
  caCertificateId: string;
  templateName?: string;
  thingName?: string;
  succeeded: boolean;
  step?: string;
  reason?: string;
  tries: number;
  /** Epoch seconds. */
  lastAt: number;
}

/** The last try of each of the newest certificates. */
export async function attempts(): Promise<Attempt[]> {
  const query = { maxResults: String(MOST) };
  return (await adit<{ attempts: Attempt[] }>('GET', '/adit/provisioning-attempts', query)).attempts;
}

/** Provisions a device that waits, as its next connection would. */
export async function retry(certificateId: string): Promise<void> {
  await adit('POST', `/adit/provisioning-attempts/${certificateId}/retry`);
}
