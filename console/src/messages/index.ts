/**
 * The texts of the console. English is the base; the catalogue of another language is laid over it before any page is
 * loaded (`main.tsx`), so that texts that are read while a module starts are of that language, too.
 */
import { en } from './en';

/** What a complete catalogue holds: a key too few or too many does not compile. */
export type Messages = typeof en;

export const m: Messages = { ...en };

/** Lays the catalogue of a language over the base. */
export function lay(catalogue: Messages): void {
  Object.assign(m, catalogue);
}
