/** The texts of the console. A language is a file of the shape of `en.ts`; English until there is another. */
import { en } from './en';

export type Messages = typeof en;

export const m: Messages = en;
