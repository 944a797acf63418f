/** JSON for people, and where a text stops being it. */
import { m } from '../messages';

/** What could have stood there. */
export type Expected = 'value' | 'valueOrEnd' | 'name' | 'nameOrEnd' | 'colon' | 'more' | 'end';

export interface Broken {
  /** From 1. */
  line: number;
  /** Characters from the begin of the line, from 1. */
  column: number;
  expected: Expected;
}

/** RFC 8259: a sign, a string, or a word that is a value. */
const TOKEN =
  /([[\]{},:])|("(?:[^"\\\u0000-\u001f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*")|((?:-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null)(?![\w.+-]))/y;
const SPACE = /[\t\n\r ]*/y;

/** What comes after a token, and what is open then; none if the token may not stand there. */
function after(expected: Expected, sign: string, isName: boolean, open: string[]): Expected | undefined {
  const value = expected === 'value' || expected === 'valueOrEnd';
  const next = () => (open.length > 0 ? 'more' : 'end');
  const close = (bracket: string): Expected | undefined => {
    const fits = expected === 'more' || expected === (bracket === '{' ? 'nameOrEnd' : 'valueOrEnd');
    return fits && open.pop() === bracket ? next() : undefined;
  };
  switch (sign) {
    case '{':
    case '[':
      if (!value) return undefined;
      open.push(sign);
      return sign === '{' ? 'nameOrEnd' : 'valueOrEnd';
    case '}':
      return close('{');
    case ']':
      return close('[');
    case ':':
      return expected === 'colon' ? 'value' : undefined;
    case ',':
      if (expected !== 'more') return undefined;
      return open.at(-1) === '{' ? 'name' : 'value';
    default:
      if (value) return next();
      return isName && (expected === 'name' || expected === 'nameOrEnd') ? 'colon' : undefined;
  }
}

/** The first place that is not JSON; none if all of it is. */
export function broken(text: string): Broken | undefined {
  const open: string[] = [];
  let expected: Expected = 'value';
  let at = 0;
  for (;;) {
    SPACE.lastIndex = at;
    at += SPACE.exec(text)?.[0].length ?? 0;
    if (at === text.length && expected === 'end') return undefined;
    TOKEN.lastIndex = at;
    const [token, sign = '', name] = TOKEN.exec(text) ?? [];
    const next: Expected | undefined = token === undefined ? undefined : after(expected, sign, name !== undefined, open);
    if (token === undefined || next === undefined) {
      const before = text.slice(0, at).split('\n');
      return { line: before.length, column: (before.at(-1)?.length ?? 0) + 1, expected };
    }
    at += token.length;
    expected = next;
  }
}

/** Says that what is written is not JSON, and where; none if it is. */
export function notJson(text: string, says: string): string | undefined {
  const found = broken(text);
  return found && `${says} ${m.json.where(found.line, found.column, m.json.expected[found.expected])}`;
}

/** A document for people. */
export function indented(document: string | undefined): string {
  try {
    return JSON.stringify(JSON.parse(document ?? ''), null, 2);
  } catch {
    return document ?? '';
  }
}

export function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

/** The same JSON in one line, for a command; a text that is none as it is. */
export function compact(text: string): string {
  return isJson(text) ? JSON.stringify(JSON.parse(text)) : text;
}
