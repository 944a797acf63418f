/** The page of a long list, the newest first: filters in the URL, live while the first row is in sight, older rows as one scrolls. */
import Box from '@cloudscape-design/components/box';
import Button from '@cloudscape-design/components/button';
import Container from '@cloudscape-design/components/container';
import ContentLayout from '@cloudscape-design/components/content-layout';
import Header from '@cloudscape-design/components/header';
import SpaceBetween from '@cloudscape-design/components/space-between';
import Spinner from '@cloudscape-design/components/spinner';
import StatusIndicator from '@cloudscape-design/components/status-indicator';
import { useState, type ReactNode } from 'react';

import type { Listing } from '../api/listing';
import { count } from '../messages/locale';
import { m } from '../messages';
import { SameOnCommandLine, Trouble } from './feedback';
import { LongTable, type LongColumn } from './long-table';

/** Whether a list is live: not while it is paused, or while older rows are looked at. */
export function useLiveness() {
  const [paused, setPaused] = useState(false);
  const [onTop, setOnTop] = useState(true);
  return { live: onTop && !paused, paused, setPaused, onTop, setOnTop };
}

interface Props<T> {
  texts: { title: string; description: string; none: string; noneText: string };
  liveness: ReturnType<typeof useLiveness>;
  listing: Listing<T>;
  /** What is shown of the listing; other filters begin at the top. */
  rows: readonly T[];
  filtered: string;
  filters: ReactNode;
  actions?: ReactNode;
  command: string;
  keyOf: (row: T) => string | number;
  columns: readonly LongColumn<T>[];
  details: { of: (row: T) => ReactNode; name: (row: T) => string };
}

export function LongPage<T>(props: Props<T>) {
  const { texts, liveness, listing, rows, filtered, filters, actions, command, keyOf, columns, details } = props;
  const { paused, setPaused, setOnTop } = liveness;
  const { older } = listing;
  return (
    <ContentLayout
      header={
        <Header
          variant="h1"
          description={texts.description}
          counter={listing.rows ? `(${count(rows.length)}${older ? '+' : ''})` : undefined}
          actions={
            <SpaceBetween direction="horizontal" size="xs">
              <Button iconName="refresh" ariaLabel={m.app.refresh} loading={listing.loading} onClick={listing.refresh} />
              <Button onClick={() => setPaused(!paused)}>{paused ? m.longTable.resume : m.longTable.pause}</Button>
              {actions}
            </SpaceBetween>
          }
        >
          {texts.title}
        </Header>
      }
    >
      <Container disableContentPaddings footer={<SameOnCommandLine command={command} />}>
        <Box padding={{ horizontal: 'l', top: 'm', bottom: 's' }}>
          <SpaceBetween size="s">
            {filters}
            <State {...liveness} trouble={listing.error !== undefined} />
          </SpaceBetween>
        </Box>
        {listing.error !== undefined && (
          <Box padding={{ horizontal: 'l', bottom: 's' }}>
            <Trouble error={listing.error} retry={listing.refresh} />
          </Box>
        )}
        {rows.length > 0 && (
          <LongTable
            key={filtered}
            label={texts.title}
            rows={rows}
            keyOf={keyOf}
            columns={columns}
            details={details}
            more={older?.some ? older : undefined}
            onTop={setOnTop}
          />
        )}
        {rows.length === 0 && listing.rows && <None texts={texts} filtered={Boolean(filtered)} more={older !== undefined} />}
        {!listing.rows && listing.error === undefined && (
          <Box textAlign="center" padding="l">
            <Spinner size="large" />
          </Box>
        )}
        {older && !older.some && (
          <Box textAlign="center" padding="s">
            <Button loading={older.loading} onClick={older.load}>
              {m.longTable.further}
            </Button>
          </Box>
        )}
      </Container>
    </ContentLayout>
  );
}

function State({ paused, onTop, trouble }: { paused: boolean; onTop: boolean; trouble: boolean }) {
  if (trouble) return null;
  if (paused) return <StatusIndicator type="stopped">{m.longTable.paused}</StatusIndicator>;
  if (!onTop) return <StatusIndicator type="pending">{m.longTable.waits}</StatusIndicator>;
  return <StatusIndicator type="success">{m.longTable.live}</StatusIndicator>;
}

function None({ texts, filtered, more }: { texts: Props<unknown>['texts']; filtered: boolean; more: boolean }) {
  if (more) return <Box textAlign="center">{m.longTable.none}</Box>;
  if (filtered) {
    return (
      <Box textAlign="center" padding={{ vertical: 'l' }}>
        {m.app.noMatch}
      </Box>
    );
  }
  return (
    <Box textAlign="center" padding={{ vertical: 'l' }}>
      <Box variant="strong">{texts.none}</Box>
      <Box variant="p" color="text-body-secondary">
        {texts.noneText}
      </Box>
    </Box>
  );
}
