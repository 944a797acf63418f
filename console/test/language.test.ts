import english from '@cloudscape-design/components/i18n/messages/all.en';
import { afterEach, describe, expect, test } from 'vitest';

import { ago, span } from '../src/api/time';
import { en } from '../src/messages/en';
import { languageOf, localeOf, offered, PSEUDO } from '../src/messages/languages';
import { count, plural, setLocale } from '../src/messages/locale';
import { catalogue, components, pseudo } from '../src/messages/pseudo';

afterEach(() => setLocale('en'));

describe('the reader’s language', () => {
  const all = ['en', 'de', 'ja'];

  test('is the chosen one, or the first of the browser’s that there is', () => {
    expect(languageOf('ja', ['de-AT'], all)).toBe('ja');
    expect(languageOf(null, ['fr', 'de-AT', 'en'], all)).toBe('de');
    expect(languageOf('fr', ['ko-KR'], all)).toBe('en');
    expect(languageOf(PSEUDO, ['de'], all)).toBe(PSEUDO);
  });

  test('writes numbers as the reader’s country does', () => {
    expect(localeOf('de', ['en-US', 'de-AT'])).toBe('de-AT');
    expect(localeOf('en', ['de-DE'])).toBe('en');
  });

  test('is offered when there is a catalogue, and the one for tests only while it is shown', () => {
    const tags = (current: string) => offered(current).map(({ id }) => id);
    expect(tags('en')).not.toContain(PSEUDO);
    expect(tags(PSEUDO)).toContain(PSEUDO);
  });
});

test('counts, spans and times are those of the language', () => {
  const forms = { one: '# thing', other: '# things' };
  expect([plural(1, forms), plural(0, forms), plural(10_000, forms)]).toEqual(['1 thing', '0 things', '10,000 things']);
  expect([span(3_661_000), ago(new Date(0), 7_200_000), ago(new Date(5_000), 0)]).toEqual(['1 hr 1 min', '2 hr. ago', 'now']);
  setLocale('de');
  expect([count(10_000), span(3_661_000), ago(new Date(0), 7_200_000)]).toEqual(['10.000', '1 Std. 1 Min.', 'vor 2 Std.']);
  setLocale('ja');
  expect([plural(1, { other: '#件' }), span(90_061_000)]).toEqual(['1件', '1 日 1 時間']);
  setLocale('ko');
  expect(span(3_661_000)).toBe('1시간 1분');
});

describe('the language for tests', () => {
  test('changes each text of the catalogue, and not what is put into it', () => {
    const texts = catalogue();
    expect(pseudo('Size')).toBe('[Šîžé~~]');
    expect(texts.app.account('123456789012', 'eu-west-1')).toBe('[Åççöûñţ 123456789012, eu-west-1~~~~]');
    const walk = (a: unknown, b: unknown, path: string): void => {
      if (typeof a === 'string') expect(b, path).not.toBe(a);
      else if (typeof a === 'object') for (const [key, more] of Object.entries(a ?? {})) walk(more, (b as Record<string, unknown>)[key], `${path}.${key}`);
    };
    walk(en, texts, 'm');
  });

  test('changes the texts of the components, and leaves their values', () => {
    const texts = JSON.stringify(components(english));
    expect(texts).toContain('{"type":0,"value":"[Šţép~~] "},{"type":1,"value":"stepNumber"}');
    expect(texts).not.toContain('"value":"Dismiss');
  });
});
