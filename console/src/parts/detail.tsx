/** The page of one of a kind: its header with what can be done to it, and the boxes below. */
import Button from '@cloudscape-design/components/button';
import Container from '@cloudscape-design/components/container';
import ContentLayout from '@cloudscape-design/components/content-layout';
import Header from '@cloudscape-design/components/header';
import KeyValuePairs, { type KeyValuePairsProps } from '@cloudscape-design/components/key-value-pairs';
import SpaceBetween from '@cloudscape-design/components/space-between';
import Spinner from '@cloudscape-design/components/spinner';
import type { ReactNode } from 'react';

import type { Live } from '../api/live';
import { m } from '../messages';
import { apart } from './apart';
import { SameOnCommandLine, Trouble } from './feedback';

interface Props<T> {
  live: Live<T>;
  title: ReactNode;
  /** Buttons beside the title, after Refresh. */
  actions?: (loaded: T) => ReactNode;
  /** Dialogs that are open. */
  dialogs?: (loaded: T) => ReactNode;
  /** The boxes. */
  children: (loaded: T) => ReactNode;
}

/** Waits for what is loaded; what goes wrong later stands above what was there. */
export function DetailPage<T>({ live, title, actions, dialogs, children }: Props<T>) {
  if (live.data === undefined) {
    return live.error !== undefined ? <Trouble error={live.error} retry={live.refresh} /> : <Spinner size="large" />;
  }
  return (
    <ContentLayout
      header={
        <Header
          variant="h1"
          actions={
            <SpaceBetween direction="horizontal" size="xs">
              <Button iconName="refresh" ariaLabel={m.app.refresh} loading={live.loading} onClick={live.refresh} />
              {apart(actions?.(live.data))}
            </SpaceBetween>
          }
        >
          {title}
        </Header>
      }
    >
      <SpaceBetween size="l">
        {live.error !== undefined && <Trouble error={live.error} retry={live.refresh} />}
        {apart(children(live.data))}
      </SpaceBetween>
      {dialogs?.(live.data)}
    </ContentLayout>
  );
}

interface FactsProps {
  title: string;
  actions?: ReactNode;
  command: string;
  columns?: number;
  items: KeyValuePairsProps.Item[];
}

/** What is known of it, by name. */
export function Facts({ title, actions, command, columns = 3, items }: FactsProps) {
  const header = (
    <Header variant="h2" actions={actions}>
      {title}
    </Header>
  );
  return (
    <Container header={header} footer={<SameOnCommandLine command={command} />}>
      <KeyValuePairs columns={columns} minColumnWidth={180} items={items} />
    </Container>
  );
}

/** A long word, such as an ARN, that may break anywhere. */
export function Token({ children }: { children: ReactNode }) {
  return <span className="token">{children}</span>;
}

/** A text in lines as they are. */
export function Document({ text, label }: { text: string; label: string }) {
  return (
    <pre className="document" tabIndex={0} aria-label={label}>
      {text}
    </pre>
  );
}
