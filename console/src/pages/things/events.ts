/** What happened to a thing: adit's own `ListThingEvents`, and in plain words. */
import type { StatusIndicatorProps } from '@cloudscape-design/components/status-indicator';

import { adit } from '../../api/clients';
import type { Page } from '../../api/listing';
import { m } from '../../messages';

export interface ThingEvent {
  sequence: number;
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

interface Raw {
  events: (Omit<ThingEvent, 'at' | 'firstAt'> & { at: number; firstAt: number })[];
  nextToken?: string;
}

/** Events of a page. */
const PAGE = 50;

/** The newest events after `nextToken`. */
export async function thingEvents(thingName: string, nextToken?: string): Promise<Page<ThingEvent>> {
  const query = { maxResults: String(PAGE), ...(nextToken ? { nextToken } : {}) };
  const answer = await adit<Raw>('GET', `/adit/things/${encodeURIComponent(thingName)}/events`, query);
  const date = (seconds: number) => new Date(seconds * 1000);
  const rows = answer.events.map(({ at, firstAt, ...event }) => ({ ...event, at: date(at), firstAt: date(firstAt) }));
  return { rows, ...(answer.nextToken ? { nextToken: answer.nextToken } : {}) };
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
