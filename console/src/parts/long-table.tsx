/** A table of many rows that draws only those that are seen. Its own region scrolls: with the wheel, by touch, and with the arrow and page keys. */
import Button from '@cloudscape-design/components/button';
import Spinner from '@cloudscape-design/components/spinner';
import { memo, useCallback, useEffect, useLayoutEffect, useMemo, useRef, useState, type ReactNode } from 'react';

import { m } from '../messages';
import { offsets, visible } from './window';

export interface LongColumn<T> {
  id: string;
  header: string;
  /** Pixels it has at least, and its share of what is left. */
  min: number;
  grow?: number;
  cell: (row: T) => ReactNode;
}

interface Props<T> {
  label: string;
  rows: readonly T[];
  keyOf: (row: T) => string | number;
  columns: readonly LongColumn<T>[];
  /** Pixels of a row before it is measured. */
  estimate?: number;
  /** What a row says when it is opened, and its name for the button that does so. */
  details?: { of: (row: T) => ReactNode; name: (row: T) => string };
  /** There are further rows; asks for them when the last ones come into sight. */
  more?: { loading: boolean; load: () => void };
  /** Whether the first row is in sight. */
  onTop?: (onTop: boolean) => void;
}

export function LongTable<T>({ label, rows, keyOf, columns, estimate = 40, details, more, onTop }: Props<T>) {
  const scroller = useRef<HTMLDivElement>(null);
  const [seen, setSeen] = useState({ top: 0, height: 600 });
  const [open, setOpen] = useState<ReadonlySet<string | number>>(new Set());
  const { heightOf, watch, measured } = useHeights(scroller, estimate);
  const starts = useMemo(
    () => offsets(rows.length, (at) => heightOf(keyOf(rows[at] as T))),
    // What was measured is in a map that stays the same; `measured` counts its changes.
    [rows, keyOf, heightOf, measured],
  );
  const { from, to } = visible(starts, seen.top, seen.height);
  const length = starts[rows.length] ?? 0;

  const look = useCallback(() => {
    const element = scroller.current;
    if (!element) return;
    const next = { top: element.scrollTop, height: element.clientHeight };
    setSeen((old) => (old.top === next.top && old.height === next.height ? old : next));
  }, []);
  useLayoutEffect(look, [look]);
  useEffect(() => {
    const element = scroller.current;
    if (!element) return;
    const observer = new ResizeObserver(look);
    observer.observe(element);
    return () => observer.disconnect();
  }, [look]);

  const isOnTop = seen.top < 8;
  useEffect(() => onTop?.(isOnTop), [isOnTop, onTop]);
  const near = to >= rows.length;
  const load = more && !more.loading && near && rows.length > 0 ? more.load : undefined;
  useEffect(() => load?.(), [load]);

  const toggle = useCallback((key: string | number) => {
    setOpen((old) => {
      const next = new Set(old);
      if (!next.delete(key)) next.add(key);
      return next;
    });
  }, []);
  const tracks = [...(details ? ['36px'] : []), ...columns.map(({ min, grow = 1 }) => `minmax(${min}px, ${grow}fr)`)].join(' ');
  const width = columns.reduce((sum, { min }) => sum + min, details ? 36 : 0);
  const drawn = rows.slice(from, to);
  return (
    <div
      ref={scroller}
      className="long"
      role="table"
      aria-label={label}
      aria-rowcount={more ? -1 : rows.length + 1}
      aria-colcount={columns.length + (details ? 1 : 0)}
      tabIndex={0}
      onScroll={look}
    >
      <div role="rowgroup" className="long-head" style={{ minWidth: width }}>
        <div role="row" aria-rowindex={1} className="long-row" style={{ gridTemplateColumns: tracks }}>
          {details && (
            <div role="columnheader">
              <span className="unseen">{m.longTable.details}</span>
            </div>
          )}
          {columns.map(({ id, header }) => (
            <div key={id} role="columnheader">
              {header}
            </div>
          ))}
        </div>
      </div>
      <div role="rowgroup" style={{ minWidth: width, paddingTop: starts[from], paddingBottom: Math.max(0, length - (starts[to] ?? 0)) }}>
        {drawn.map((row, at) => {
          const key = keyOf(row);
          return (
            <Row
              key={key}
              id={key}
              row={row}
              index={from + at}
              columns={columns}
              tracks={tracks}
              details={details}
              open={open.has(key)}
              toggle={toggle}
              watch={watch}
            />
          );
        })}
      </div>
      {more?.loading && (
        <div className="long-more" role="presentation">
          <Spinner />
        </div>
      )}
    </div>
  );
}

interface RowProps<T> extends Pick<Props<T>, 'columns' | 'details'> {
  id: string | number;
  row: T;
  index: number;
  tracks: string;
  open: boolean;
  toggle: (key: string | number) => void;
  watch: (element: HTMLElement | null, key: string | number) => (() => void) | undefined;
}

const Row = memo(function Row<T>({ id, row, index, columns, tracks, details, open, toggle, watch }: RowProps<T>) {
  const measured = useCallback((element: HTMLDivElement | null) => watch(element, id), [watch, id]);
  return (
    <div ref={measured} role="presentation" className={index % 2 ? 'long-item long-odd' : 'long-item'}>
      {/* The first row is the header. */}
      <div role="row" aria-rowindex={index + 2} className="long-row" style={{ gridTemplateColumns: tracks }}>
        {details && (
          <div role="cell">
            <Button
              variant="inline-icon"
              iconName={open ? 'angle-down' : 'angle-right'}
              ariaExpanded={open}
              ariaLabel={m.longTable.detailsOf(details.name(row))}
              onClick={() => toggle(id)}
            />
          </div>
        )}
        {columns.map(({ id, cell }) => (
          <div key={id} role="cell">
            {cell(row)}
          </div>
        ))}
      </div>
      {details && open && (
        <div role="row">
          <div role="cell" aria-colspan={columns.length + 1} className="long-details">
            {details.of(row)}
          </div>
        </div>
      )}
    </div>
  );
}) as <T>(props: RowProps<T>) => ReactNode;

/** Heights of rows as the browser laid them out, and an estimate of those that were not drawn yet. */
function useHeights(scroller: React.RefObject<HTMLDivElement | null>, estimate: number) {
  const heights = useRef(new Map<string | number, number>());
  const [measured, setMeasured] = useState(0);
  const keys = useRef(new WeakMap<Element, string | number>());
  const width = useRef(0);
  const [observer] = useState(
    () =>
      new ResizeObserver((entries) => {
        let changed = false;
        // Other widths wrap texts elsewhere.
        const now = scroller.current?.clientWidth ?? 0;
        if (now !== width.current) {
          width.current = now;
          heights.current.clear();
          changed = true;
        }
        for (const { target } of entries) {
          const key = keys.current.get(target);
          const height = target.getBoundingClientRect().height;
          if (key === undefined || height === 0 || heights.current.get(key) === height) continue;
          heights.current.set(key, height);
          changed = true;
        }
        if (changed) setMeasured((count) => count + 1);
      }),
  );
  useEffect(() => () => observer.disconnect(), [observer]);
  const watch = useCallback(
    (element: HTMLElement | null, key: string | number) => {
      if (!element) return undefined;
      keys.current.set(element, key);
      observer.observe(element);
      return () => observer.unobserve(element);
    },
    [observer],
  );
  const heightOf = useCallback((key: string | number) => heights.current.get(key) ?? estimate, [estimate]);
  return { heightOf, watch, measured };
}
