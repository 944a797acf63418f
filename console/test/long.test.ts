import { describe, expect, test } from 'vitest';

import { extended, renewed, type Held } from '../src/api/listing';
import { offsets, OVERSCAN, rowAt, visible } from '../src/parts/window';

describe('the window of a long table', () => {
  // Every third row is 100 pixels high, the others 40.
  const starts = offsets(10_000, (at) => (at % 3 === 0 ? 100 : 40));

  test('finds the row at each height', () => {
    expect([0, 99, 100, 139, 140, 180].map((y) => rowAt(starts, y))).toEqual([0, 0, 1, 1, 2, 3]);
    for (let at = 0; at < 10_000; at++) expect(rowAt(starts, starts[at] as number)).toBe(at);
    expect([rowAt(starts, -5), rowAt(starts, 1e9)]).toEqual([0, 9_999]);
  });

  test('draws what is seen and little more, from the first row to the last', () => {
    const all = starts[10_000] as number;
    for (let top = 0; top <= all; top += 977) {
      const { from, to } = visible(starts, top, 600);
      expect(starts[from]).toBeLessThanOrEqual(top);
      expect(starts[to]).toBeGreaterThanOrEqual(Math.min(top + 600, all));
      expect(to - from).toBeLessThanOrEqual(Math.ceil(600 / 40) + 2 + 2 * OVERSCAN);
    }
    expect(visible(starts, all - 600, 600).to).toBe(10_000);
    expect(visible(offsets(0, () => 40), 0, 600)).toEqual({ from: 0, to: 0 });
    expect(visible(offsets(3, () => 40), 0, 600)).toEqual({ from: 0, to: 3 });
  });
});

describe('a long list', () => {
  interface Row {
    id: number;
    count: number;
  }
  const row = (id: number, count = 1): Row => ({ id, count });
  const ids = ({ rows }: { rows: readonly Row[] }) => rows.map(({ id, count }) => (count === 1 ? id : `${id}×${count}`));
  const id = ({ id }: Row) => id;
  const version = ({ id, count }: Row) => `${id} ${count}`;
  const held: Held<Row> = { rows: [row(5), row(4), row(3), row(2)], nextToken: 'before 2', added: 4 };

  test('takes up what came since, and what changed', () => {
    expect(ids(renewed(held, { rows: [row(7), row(6), row(5)], nextToken: 'x' }, id))).toEqual([7, 6, 5, 4, 3, 2]);
    const repeated = renewed(held, { rows: [row(3, 2), row(5), row(4)], nextToken: 'x' }, id, version);
    expect([ids(repeated), repeated.nextToken]).toEqual([['3×2', 5, 4, 2], 'before 2']);
  });

  test('begins anew when more came than a page holds, or all fits in one', () => {
    const anew = renewed(held, { rows: [row(20), row(19)], nextToken: 'before 19' }, id);
    expect([ids(anew), anew.nextToken]).toEqual([[20, 19], 'before 19']);
    const whole = renewed(held, { rows: [row(5), row(4)] }, id);
    expect([ids(whole), whole.nextToken]).toEqual([[5, 4], undefined]);
  });

  test('goes on with older ones, each once', () => {
    const longer = extended(held, { rows: [row(2), row(1)], nextToken: undefined }, id);
    expect([ids(longer), longer.nextToken, longer.added]).toEqual([[5, 4, 3, 2, 1], undefined, 1]);
    expect(extended(held, { rows: [], nextToken: 'further' }, id)).toMatchObject({ nextToken: 'further', added: 0 });
  });
});
