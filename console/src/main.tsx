/** Begins with the reader's language: no other module that shows texts is evaluated before its catalogue is there. */
import '@cloudscape-design/global-styles/index.css';
import './style.css';

import { lay } from './messages';
import { catalogueOf, componentsOf, KEY, languageOf, localeOf } from './messages/languages';
import { setLocale } from './messages/locale';

async function begin(): Promise<void> {
  const language = languageOf(localStorage.getItem(KEY), navigator.languages);
  setLocale(localeOf(language, navigator.languages));
  document.documentElement.lang = language;
  const components = componentsOf(language);
  const catalogue = await catalogueOf(language);
  if (catalogue) lay(catalogue);
  const { start } = await import('./start');
  start(language, await components);
}

void begin();
