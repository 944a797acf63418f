/** Which rows of a long table are drawn: those that are seen, and some before and after. */

/** Rows drawn beyond what is seen, on each side. */
export const OVERSCAN = 12;

/** Where each row begins, in pixels, and where the last one ends. */
export function offsets(count: number, heightOf: (at: number) => number): Float64Array {
  const starts = new Float64Array(count + 1);
  for (let at = 0; at < count; at++) starts[at + 1] = (starts[at] ?? 0) + heightOf(at);
  return starts;
}

/** The row at a height: the last that begins there or above. */
export function rowAt(starts: Float64Array, y: number): number {
  let [low, high] = [0, Math.max(0, starts.length - 2)];
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    if ((starts[middle] ?? 0) <= y) low = middle;
    else high = middle - 1;
  }
  return low;
}

export interface Range {
  /** The first row that is drawn. */
  from: number;
  /** The one after the last. */
  to: number;
}

/** What to draw of rows that begin at `starts` when `height` pixels from `top` on are seen. */
export function visible(starts: Float64Array, top: number, height: number): Range {
  const count = starts.length - 1;
  if (count <= 0) return { from: 0, to: 0 };
  return {
    from: Math.max(0, rowAt(starts, top) - OVERSCAN),
    to: Math.min(count, rowAt(starts, top + height) + 1 + OVERSCAN),
  };
}
