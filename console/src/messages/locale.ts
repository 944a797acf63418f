/** How the reader's language writes numbers, counts and times. */

let tag = 'en';

/** For `Intl`: a tag such as `de-AT`. */
export function locale(): string {
  return tag;
}

const made = new Map<string, unknown>();

export function setLocale(to: string): void {
  tag = to;
  made.clear();
}

/** Makes a formatter once: making one costs more than using it a hundred times. */
export function once<T>(key: string, make: (tag: string) => T): T {
  if (!made.has(key)) made.set(key, make(tag));
  return made.get(key) as T;
}

/** `12345` as `12,345`. */
export function count(value: number): string {
  return once('count', (tag) => new Intl.NumberFormat(tag)).format(value);
}

type Forms = Partial<Record<Intl.LDMLPluralRule, string>> & { other: string };

/** The form of a text that goes with a count, `#` being the count: `plural(2, { one: '# thing', other: '# things' })`. */
export function plural(value: number, forms: Forms): string {
  const form = once('plural', (tag) => new Intl.PluralRules(tag)).select(value);
  return (forms[form] ?? forms.other).replaceAll('#', () => count(value));
}
