/** What happened to a thing: adit's own `ListThingEvents`, and in plain words. */
import type { StatusIndicatorProps } from '@cloudscape-design/components/status-indicator';

import { adit } from '../../api/clients';
import { m } from '../../messages';

export interface ThingEvent {
  /** The last time, and the first of a run of the same. */
  at: Date;
  firstAt: Date;
  count: number;
  kind: 'CONNECTED' | 'DISCONNECTED' | 'REFUSED' | 'PROVISIONED';
  reason?: string;
  stage?: string;
  clientId?: string;
  certificateId?: string;
  ipAddress?: string;
  detail?: string;
}

export interface ThingEvents {
  events: ThingEvent[];
  nextToken?: string;
}

type Raw = Omit<ThingEvents, 'events'> & { events: (Omit<ThingEvent, 'at' | 'firstAt'> & { at: number; firstAt: number })[] };

/** Pages of 250 that are asked for at most. */
const PAGES = 4;

/** The newest events, at least `wanted` of them unless there are no more. */
export async function thingEvents(thingName: string, wanted: number): Promise<ThingEvents> {
  const events: ThingEvent[] = [];
  let nextToken: string | undefined;
  for (let page = 0; page < PAGES; page++) {
    const query = { maxResults: String(Math.min(wanted, 250)), ...(nextToken ? { nextToken } : {}) };
    const answer = await adit<Raw>('GET', `/adit/things/${encodeURIComponent(thingName)}/events`, query);
    const dated = ({ at, firstAt, ...event }: Raw['events'][number]) => ({ ...event, at: new Date(at * 1000), firstAt: new Date(firstAt * 1000) });
    events.push(...answer.events.map(dated));
    nextToken = answer.nextToken;
    if (!nextToken || events.length >= wanted) break;
  }
  return { events, ...(nextToken ? { nextToken } : {}) };
}

/** Why a connection ended, for people. */
export function reasonOf(reason: string | undefined): string | undefined {
  if (!reason || reason === 'NONE' || reason === 'UNKNOWN') return undefined;
  return m.things.reasons[reason] ?? reason;
}

/** Ends that nobody has to look into. */
const CALM = ['CLIENT_INITIATED_DISCONNECT', 'SERVER_INITIATED_DISCONNECT', 'API_INITIATED_DISCONNECT', 'DUPLICATE_CLIENTID'];

export function told({ kind, reason, stage, detail }: ThingEvent): { kind: StatusIndicatorProps.Type; text: string } {
  switch (kind) {
    case 'CONNECTED':
      return { kind: 'success', text: detail ? m.things.connectedMore(detail) : m.things.connected };
    case 'DISCONNECTED': {
      const why = reasonOf(reason);
      const text = why ? m.things.disconnected(why) : m.things.disconnectedUnknown;
      return { kind: !reason || CALM.includes(reason) ? 'stopped' : 'warning', text };
    }
    case 'REFUSED': {
      const why = reason ?? m.things.noReason;
      const what = detail ?? stage;
      return { kind: 'error', text: what ? m.things.refusedAt(what, why) : m.things.refusedPlain(why) };
    }
    case 'PROVISIONED':
      return { kind: 'info', text: m.things.provisioned(m.things.provisionings[reason ?? ''], detail) };
  }
}
