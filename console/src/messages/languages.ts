/** The languages of the console: which there are, which one the reader gets, and where their catalogues are. */
import type { I18nProviderProps } from '@cloudscape-design/components/i18n';

import type { Messages } from '.';

interface Language {
  /** Its name in the language itself. */
  name: string;
  /** Its catalogue; English, the base, needs none. */
  catalogue?: () => Promise<Messages>;
  /** The texts of Cloudscape's components. */
  components: () => Promise<I18nProviderProps.Messages>;
}

const english = () => import('@cloudscape-design/components/i18n/messages/all.en').then((file) => file.default);

/** By language tag, in the order of the menu. */
const LANGUAGES = {
  en: { name: 'English', components: english },
} satisfies Record<string, Language>;

/**
 * English with accents, in brackets and longer: whatever is not so is no text of a catalogue. It is in no menu, and begins
 * with `adit.language` being `en-XA` in the browser's local storage.
 */
export const PSEUDO = 'en-XA';

const pseudo: Language = {
  name: '[Ƥšéûðö]',
  catalogue: () => import('./pseudo').then((file) => file.catalogue()),
  components: () => Promise.all([import('./pseudo'), english()]).then(([file, texts]) => file.components(texts)),
};

const ALL: Record<string, Language> = { ...LANGUAGES, [PSEUDO]: pseudo };

/** Where the choice is kept. */
export const KEY = 'adit.language';

/** The language of a tag: `de` of `de-AT`. */
const plain = (tag: string) => tag.split('-')[0]?.toLowerCase() ?? '';

/** The reader's language: the chosen one, or the first of the browser's that there is. */
export function languageOf(chosen: string | null, wanted: readonly string[], offered = Object.keys(LANGUAGES)): string {
  if (chosen && (offered.includes(chosen) || chosen === PSEUDO)) return chosen;
  return wanted.map(plain).find((tag) => offered.includes(tag)) ?? 'en';
}

/** How dates and numbers are written: as in the country of the browser, if its language is the one that is read. */
export function localeOf(language: string, wanted: readonly string[]): string {
  return wanted.find((tag) => plain(tag) === plain(language)) ?? language;
}

/** What the menu offers. */
export function offered(current: string): { id: string; name: string }[] {
  const tags = Object.keys(LANGUAGES);
  return (current === PSEUDO ? [...tags, PSEUDO] : tags).map((id) => ({ id, name: ALL[id]?.name ?? id }));
}

export const catalogueOf = (language: string) => ALL[language]?.catalogue?.();

export const componentsOf = (language: string) => (ALL[language]?.components ?? english)();
