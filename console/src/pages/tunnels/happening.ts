/** What happened to a tunnel, in plain words. */
import type { StatusIndicatorProps } from '@cloudscape-design/components/status-indicator';

import { valuesOf, whoOf, type AuditEvent } from '../../api/audit';
import { m } from '../../messages';
import { once } from '../../messages/locale';

export interface Happening {
  side?: 'source' | 'destination';
  kind: StatusIndicatorProps.Type;
  text: string;
}

/** Bytes for people: `512 bytes`, `1.5 MB`. */
export function bytes(count: number): string {
  const units = ['byte', 'kilobyte', 'megabyte', 'gigabyte', 'terabyte'];
  const at = Math.min(units.length - 1, count < 1 ? 0 : Math.floor(Math.log10(count) / 3));
  const unit = units[at] ?? 'byte';
  const format = once(unit, (tag) => new Intl.NumberFormat(tag, { style: 'unit', unit, unitDisplay: unit === 'byte' ? 'long' : 'short', maximumFractionDigits: 1 }));
  return format.format(count / 1000 ** at);
}

/** The name of a client, of which browsers tell more than anybody reads. */
export function clientOf(agent: string | undefined): string {
  if (!agent) return m.history.nameless;
  return agent.startsWith('Mozilla/') ? m.history.browser : agent;
}

function sideOf(word: string | undefined): Happening['side'] {
  return word === 'source' || word === 'destination' ? word : undefined;
}

/** What the operations on a tunnel did. */
const DONE: Record<string, (who: string) => string> = {
  OpenTunnel: m.history.opened,
  RotateTunnelAccessToken: m.history.rotated,
  CloseTunnel: m.history.closed,
};

export function told({ action, result, principal, detail }: AuditEvent): Happening {
  const values = valuesOf(detail);
  const side = sideOf(values.side);
  const sided = (kind: Happening['kind'], text: string): Happening => ({ kind, text, ...(side ? { side } : {}) });
  const who = whoOf(principal) ?? m.history.somebody;
  if (action === 'TunnelConnect') {
    if (result === 'ok') return sided('success', m.history.connected(clientOf(values.client)));
    return sided('error', m.history.refused(m.history.refusals[result] ?? result));
  }
  if (action === 'TunnelDisconnect') {
    const why = m.history.ends[result] ?? m.history.ended(values.end ?? result);
    const amount = m.history.amount(bytes(Number(values.received) || 0), bytes(Number(values.sent) || 0));
    return sided(BY_CHOICE.includes(result) ? 'stopped' : 'warning', `${why} ${amount}`);
  }
  if (action === 'TunnelReplace') return sided('info', m.history.replaced);
  if (action === 'ExpireTunnel') return { kind: 'stopped', text: m.history.expired };
  const done = DONE[action];
  if (result !== 'ok') return { kind: 'error', text: m.history.failed(who, action, detail ?? result) };
  return { kind: action === 'CloseTunnel' ? 'stopped' : 'info', text: done ? done(who) : m.history.other(who, action) };
}

/** Ends that somebody wanted. */
const BY_CHOICE = ['client-closed', 'tunnel-closed', 'replaced'];
