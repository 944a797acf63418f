/** Who did what, when and with what result: `ListAuditEvents`. */
import { adit } from './clients';
import type { Page } from './listing';

export interface AuditEvent {
  sequence: number;
  at: Date;
  action: string;
  /** `ok`, or a word that says why not. */
  result: string;
  principal?: string;
  resource?: string;
  requestId?: string;
  ipAddress?: string;
  /** `name=value` pairs, with quotes around values that hold spaces. */
  detail?: string;
}

/** Which events, each an exact match. */
export interface AuditQuery {
  resource?: string;
  principal?: string;
  action?: string;
  /** `true`: only what did not go well. */
  failed?: 'true';
  ipAddress?: string;
}

interface Raw {
  events: (Omit<AuditEvent, 'at'> & { at: number })[];
  nextToken?: string;
}

/** Calls for one page of events at most: the server looks at a bounded number of rows in each. */
const CALLS = 20;

/** The newest events after `nextToken`: at least `wanted` of them, unless there are no more or they are too far apart. */
export async function auditEvents(query: AuditQuery, wanted: number, nextToken?: string): Promise<Page<AuditEvent>> {
  const rows: AuditEvent[] = [];
  let next = nextToken;
  for (let call = 0; call < CALLS; call++) {
    const asked = { ...query, maxResults: String(Math.min(wanted, 250)), ...(next ? { nextToken: next } : {}) };
    const page = await adit<Raw>('GET', '/adit/audit-events', asked);
    rows.push(...page.events.map((event) => ({ ...event, at: new Date(event.at * 1000) })));
    next = page.nextToken;
    if (!next || rows.length >= wanted) break;
  }
  return { rows, ...(next ? { nextToken: next } : {}) };
}

/** The values of a `detail`. */
export function valuesOf(detail: string | undefined): Record<string, string> {
  const found: Record<string, string> = {};
  for (const [, name = '', quoted, plain = ''] of (detail ?? '').matchAll(/([\w-]+)=(?:"((?:[^"\\]|\\.)*)"|(\S*))/g)) {
    found[name] = quoted === undefined ? plain : unescaped(quoted);
  }
  return found;
}

const LETTERS: Record<string, string> = { n: '\n', r: '\r', t: '\t', 0: '\0' };

/** As the server escapes: `\"`, `\\`, `\n` and `\u{1f4a1}`. */
function unescaped(text: string): string {
  return text.replace(/\\(?:u\{([0-9a-f]{1,6})\}|(.))/g, (_, code: string | undefined, letter: string) => {
    if (code === undefined) return LETTERS[letter] ?? letter;
    const point = parseInt(code, 16);
    return point <= 0x10ffff ? String.fromCodePoint(point) : '\ufffd';
  });
}

/** A principal for people: what its ARN ends with, such as `user/ana` or `root`. */
export function whoOf(principal: string | undefined): string | undefined {
  return principal?.split(':').slice(5).join(':') || principal;
}
