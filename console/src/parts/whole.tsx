/** Short texts that stay on one line, in tables that would break them anywhere. */
import StatusIndicator, { type StatusIndicatorProps } from '@cloudscape-design/components/status-indicator';
import type { ReactNode } from 'react';

import { moment } from '../api/time';

/** A moment, or a dash. */
export function When({ at }: { at: Date | undefined }) {
  if (!at) return <>–</>;
  return (
    <time className="whole" dateTime={at.toISOString()}>
      {moment(at)}
    </time>
  );
}

/** A word or two. */
export function Whole({ children }: { children: ReactNode }) {
  return <span className="whole">{children}</span>;
}

/** The state of something, in a word or two. */
export function StatusWord({ children, ...props }: StatusIndicatorProps) {
  return (
    <Whole>
      <StatusIndicator {...props}>{children}</StatusIndicator>
    </Whole>
  );
}

/** Two lines of a text, and all of it where it is pointed at. */
export function Beginning({ of }: { of: string }) {
  return (
    <span className="beginning" title={of}>
      {of}
    </span>
  );
}
