/** Which language is shown, and choosing another. */
import { KEY, offered } from '../messages/languages';

export function languages(): { current: string; all: { id: string; name: string }[] } {
  const current = document.documentElement.lang;
  return { current, all: offered(current) };
}

/** Texts are read once, when modules start: another language begins with the page loaded again, at the same place. */
export function chooseLanguage(id: string): void {
  localStorage.setItem(KEY, id);
  location.reload();
}
