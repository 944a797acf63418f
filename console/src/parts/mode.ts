/** Light or dark, as the system or as the reader chose. */
import { applyMode, Mode } from '@cloudscape-design/global-styles';

export type Appearance = 'system' | 'light' | 'dark';

const KEY = 'adit.appearance';
const dark = matchMedia('(prefers-color-scheme: dark)');

export function appearance(): Appearance {
  const stored = localStorage.getItem(KEY);
  return stored === 'light' || stored === 'dark' ? stored : 'system';
}

export function isDark(): boolean {
  const chosen = appearance();
  return chosen === 'dark' || (chosen === 'system' && dark.matches);
}

function apply(): void {
  applyMode(isDark() ? Mode.Dark : Mode.Light);
  document.documentElement.style.colorScheme = isDark() ? 'dark' : 'light';
  dispatchEvent(new Event('adit-mode'));
}

export function choose(chosen: Appearance): void {
  localStorage.setItem(KEY, chosen);
  apply();
}

export function start(): void {
  apply();
  dark.addEventListener('change', apply);
}
