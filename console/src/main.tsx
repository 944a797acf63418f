/** Begins with the reader's language: no other module that shows texts is evaluated before its catalogue is there. */
import '@cloudscape-design/global-styles/index.css';
import './style.css';

import { lay, m } from './messages';
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

/** Instead of an empty page. */
function failed(): void {
  const text = document.createElement('p');
  text.textContent = `${m.app.notLoaded}. ${m.app.notLoadedText}`;
  const again = document.createElement('button');
  again.textContent = m.app.reload;
  again.onclick = () => location.reload();
  const root = document.getElementById('root');
  root?.classList.add('not-loaded');
  root?.replaceChildren(text, again);
}

begin().catch((error: unknown) => {
  failed();
  throw error;
});
