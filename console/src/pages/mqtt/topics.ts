/** Topics, filters, payloads and properties, without a connection. */

/** spec: mqtt-gateway §9: 256 bytes */
const LONGEST = 256;

const bytes = (text: string) => new TextEncoder().encode(text).length;

export function isTopic(topic: string): boolean {
  return bytes(topic) >= 1 && bytes(topic) <= LONGEST && !/[+#\0]/.test(topic);
}

/** spec: MQTT 5 §4.7.1 */
export function isFilter(filter: string): boolean {
  if (bytes(filter) < 1 || bytes(filter) > LONGEST || filter.includes('\0')) return false;
  const levels = filter.split('/');
  return levels.every((level, at) => {
    if (level.includes('#')) return level === '#' && at === levels.length - 1;
    return !level.includes('+') || level === '+';
  });
}

export type Form = 'json' | 'text' | 'hex';

/** A payload as the reader wants it; what is no JSON or no text comes in the next simpler form. */
export function shown(payload: Uint8Array, form: Form): string {
  if (form !== 'hex') {
    try {
      const text = new TextDecoder('utf-8', { fatal: true }).decode(payload);
      return form === 'json' ? JSON.stringify(JSON.parse(text), null, 2) : text;
    } catch (error) {
      if (form === 'json' && error instanceof SyntaxError) return shown(payload, 'text');
    }
  }
  return [...payload].map((byte) => byte.toString(16).padStart(2, '0')).join(' ');
}

export function isText(bytes: Uint8Array): boolean {
  try {
    new TextDecoder('utf-8', { fatal: true }).decode(bytes);
    return true;
  } catch {
    return false;
  }
}

/** A payload as the reader typed it; `undefined` if it is not of that form. */
export function typed(text: string, form: Form): Uint8Array | undefined {
  if (form === 'hex') {
    const digits = text.replace(/[\s:]/g, '');
    if (digits.length % 2 !== 0 || /[^\da-f]/i.test(digits)) return undefined;
    return Uint8Array.from(digits.match(/../g) ?? [], (pair) => parseInt(pair, 16));
  }
  if (form === 'json') {
    try {
      JSON.parse(text);
    } catch {
      return undefined;
    }
  }
  return new TextEncoder().encode(text);
}

/** Lines of `name=value`; `undefined` if one is none. */
export function properties(text: string): [string, string][] | undefined {
  const lines = text.split('\n').filter((line) => line.trim());
  const pairs = lines.map((line) => {
    const at = line.indexOf('=');
    return [line.slice(0, at).trim(), line.slice(at + 1).trim()] as [string, string];
  });
  return lines.every((line) => line.indexOf('=') > 0) ? pairs : undefined;
}
