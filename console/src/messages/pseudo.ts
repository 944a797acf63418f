/** A language that nobody speaks: English with accents, in brackets and 40 % longer, for tests of what is translated and what fits. */
import type { I18nProviderProps } from '@cloudscape-design/components/i18n';

import type { Messages } from '.';
import { en } from './en';

const PLAIN = 'ACDEGHIJKLNORSTUYZacdeghijklnorstuyz';
const ACCENTED = 'ÅÇÐÉĜĤÎĴĶĻÑÖŔŠŢÛÝŽåçðéĝĥîĵķļñöŕšţûýž';

/** Around what is put into a text, which stays as it is. */
const [BEGIN, END] = ['\uE000', '\uE001'];

function accented(text: string): string {
  return [...text].map((letter) => ACCENTED[PLAIN.indexOf(letter)] ?? letter).join('');
}

/** The text in accents and brackets, but not what stands between the marks. */
export function pseudo(text: string): string {
  const parts = text.split(/(\uE000[^\uE001]*\uE001)/);
  const changed = parts.map((part) => (part.startsWith(BEGIN) ? part.slice(1, -1) : accented(part))).join('');
  const letters = parts.filter((part) => !part.startsWith(BEGIN)).join('').length;
  // In pieces, for no real word is as long as the whole of them.
  const longer = '~'.repeat(Math.ceil(letters * 0.4)).replace(/~{8}(?=~)/g, '$& ');
  return `[${changed}${longer}]`;
}

type Text = string | ((...given: unknown[]) => string) | { [key: string]: Text };

function changed(text: Text): Text {
  if (typeof text === 'string') return text && pseudo(text);
  if (typeof text !== 'function') return Object.fromEntries(Object.entries(text).map(([key, value]) => [key, changed(value)]));
  return (...given) => pseudo(text(...given.map((value) => (typeof value === 'string' && value ? BEGIN + value + END : value))));
}

export function catalogue(): Messages {
  return changed(en as unknown as Text) as unknown as Messages;
}

/** The same for the texts of Cloudscape's components, which are syntax trees of ICU messages. */
export function components(texts: I18nProviderProps.Messages): I18nProviderProps.Messages {
  const walk = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(walk);
    if (typeof value !== 'object' || value === null) return value;
    // Of a syntax tree, type 0 is a text; any other is a value, or a choice between trees.
    if ('type' in value && value.type === 0 && 'value' in value && typeof value.value === 'string') {
      return value.value.trim() ? { ...value, value: value.value.replace(/\S.*\S|\S/s, pseudo) } : value;
    }
    return Object.fromEntries(Object.entries(value).map(([key, more]) => [key, walk(more)]));
  };
  return walk(texts) as I18nProviderProps.Messages;
}
