/** What keeps something from being deleted, and the wish to take it away first. */
import Box from '@cloudscape-design/components/box';
import Checkbox from '@cloudscape-design/components/checkbox';
import type { ReactNode } from 'react';

import { m } from '../messages';

export interface Kept {
  label: string;
  items: { key: string; shown: ReactNode }[];
}

/** Items that are named. */
const NAMED = 10;

interface Props {
  kept: Kept[];
  /** What is done first. */
  text: string;
  clear: boolean;
  change: (clear: boolean) => void;
  /** Whether the reader wanted to delete it. */
  checked: boolean;
}

export function ClearFirst({ kept, text, clear, change, checked }: Props) {
  return (
    <>
      {kept
        .filter(({ items }) => items.length > 0)
        .map(({ label, items }) => (
          <div key={label}>
            <Box variant="awsui-key-label">{label}</Box>
            {items.slice(0, NAMED).map(({ key, shown }) => (
              <div key={key}>{shown}</div>
            ))}
            {items.length > NAMED && <Box>{m.clearing.more(items.length - NAMED)}</Box>}
          </div>
        ))}
      <div>
        <Checkbox checked={clear} onChange={({ detail }) => change(detail.checked)}>
          {text}
        </Checkbox>
        {checked && !clear && <Box color="text-status-error">{m.clearing.needed}</Box>}
      </div>
    </>
  );
}
