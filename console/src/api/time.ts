/** Times for people, as their language writes them. */
import { once } from '../messages/locale';

const UNITS = [
  ['day', 86_400],
  ['hour', 3_600],
  ['minute', 60],
  ['second', 1],
] as const;

type Unit = (typeof UNITS)[number][0];

function amount(count: number, unit: Unit): string {
  return once(unit, (tag) => new Intl.NumberFormat(tag, { style: 'unit', unit, unitDisplay: 'short' })).format(count);
}

/** A span in its two largest units: `3 hr 12 min`, `45 sec`. */
export function span(milliseconds: number): string {
  let rest = Math.max(0, Math.floor(milliseconds / 1000));
  const parts = UNITS.map(([unit, seconds]) => {
    const count = Math.floor(rest / seconds);
    rest -= count * seconds;
    return [count, unit] as const;
  });
  const first = parts.findIndex(([count]) => count > 0);
  if (first < 0) return amount(0, 'second');
  const shown = parts.slice(first, first + 2).filter(([count]) => count > 0);
  return shown.map(([count, unit]) => amount(count, unit)).join(' ');
}

/** How long ago, in the largest unit: `3 hr. ago`. What this machine's clock has still before it is now. */
export function ago(date: Date, now = Date.now()): string {
  const seconds = Math.min(0, Math.round((date.getTime() - now) / 1000));
  const [unit, size] = UNITS.find(([, size]) => Math.abs(seconds) >= size) ?? UNITS[3];
  return once('ago', (tag) => new Intl.RelativeTimeFormat(tag, { style: 'short', numeric: 'auto' })).format(Math.trunc(seconds / size), unit);
}

export function moment(date: Date | undefined): string {
  return date ? once('moment', (tag) => new Intl.DateTimeFormat(tag, { dateStyle: 'medium', timeStyle: 'medium' })).format(date) : '–';
}

/** The time of day to the millisecond. */
export function clock(date: Date): string {
  return once(
    'clock',
    (tag) => new Intl.DateTimeFormat(tag, { hour: '2-digit', minute: '2-digit', second: '2-digit', fractionalSecondDigits: 3 }),
  ).format(date);
}
