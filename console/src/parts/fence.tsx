/** Parts of the console that are fetched when they are opened, and what is shown when one fails. */
import Alert from '@cloudscape-design/components/alert';
import Button from '@cloudscape-design/components/button';
import { Component, lazy, type ComponentType, type LazyExoticComponent, type ReactNode } from 'react';

import { m } from '../messages';

/** The connection broke, or the server is another version and has other files. */
class NotLoaded extends Error {}

/**
 * A component that is fetched when it is shown first. A file that did not come is not asked for again before the whole page
 * is: style sheets would be left out then.
 */
export function part<T extends ComponentType<any>>(load: () => Promise<{ default: T }>): LazyExoticComponent<T> {
  return lazy(() =>
    load().catch((cause: unknown) => {
      throw new NotLoaded(cause instanceof Error ? cause.message : String(cause), { cause });
    }),
  );
}

/** Keeps an error of one part from the others. */
export class Fence extends Component<{ children: ReactNode }, { error?: Error }> {
  override state: { error?: Error } = {};

  static getDerivedStateFromError(error: Error) {
    return { error };
  }

  override render() {
    const { error } = this.state;
    if (!error) return this.props.children;
    const missing = error instanceof NotLoaded;
    return (
      <Alert
        type={missing ? 'warning' : 'error'}
        header={missing ? m.app.notLoaded : m.app.crashed}
        action={<Button onClick={() => location.reload()}>{m.app.reload}</Button>}
      >
        {missing ? m.app.notLoadedText : error.message}
      </Alert>
    );
  }
}
