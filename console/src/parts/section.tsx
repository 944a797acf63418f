/** A part of a page with a live table in it, and a choice with a button. */
import Button from '@cloudscape-design/components/button';
import Header from '@cloudscape-design/components/header';
import Select from '@cloudscape-design/components/select';
import SpaceBetween from '@cloudscape-design/components/space-between';
import Table, { type TableProps } from '@cloudscape-design/components/table';
import { useState, type ReactNode } from 'react';

import type { Live } from '../api/live';
import { m } from '../messages';
import { count } from '../messages/locale';
import { Trouble } from './feedback';

interface SectionProps<T> extends Pick<TableProps<T>, 'trackBy' | 'footer' | 'pagination' | 'filter'> {
  title: string;
  description?: string | undefined;
  /** What stands to the right of the title. */
  actions?: ReactNode;
  /** Whether the title says how many rows there are; not where only some are at hand. */
  counted?: boolean;
  live: Live<unknown>;
  rows: readonly T[] | undefined;
  none: ReactNode;
  columns: TableProps.ColumnDefinition<T>[];
}

/** What could not be loaded is said in the table's place; the rest of the page goes on. */
export function SectionTable<T>({ title, description, actions, counted = true, live, rows, none, columns, ...more }: SectionProps<T>) {
  return (
    <Table<T>
      variant="container"
      wrapLines
      loading={live.loading && !rows}
      loadingText={m.app.loading}
      items={rows ?? []}
      ariaLabels={{ tableLabel: title }}
      empty={live.error && !rows ? <Trouble error={live.error} retry={live.refresh} /> : none}
      header={
        <Header
          variant="h2"
          description={description}
          actions={actions}
          counter={counted && rows && rows.length > 0 ? `(${count(rows.length)})` : undefined}
        >
          {title}
        </Header>
      }
      columnDefinitions={columns}
      {...more}
    />
  );
}

interface PickerProps {
  label: string;
  button: string;
  options: readonly { value: string; label?: string; description?: string }[];
  /** Does it with what was chosen. */
  pick: (value: string) => void;
  /** What is chosen, before the button is pressed. */
  chosen?: (value: string) => void;
}

/** One of several, and a button that does something with it. */
export function Picker({ label, button, options, pick, chosen }: PickerProps) {
  const [value, setValue] = useState('');
  const choose = (to: string) => {
    setValue(to);
    chosen?.(to);
  };
  const option = options.find((one) => one.value === value);
  return (
    <SpaceBetween direction="horizontal" size="xs">
      <Select
        ariaLabel={label}
        placeholder={label}
        selectedOption={option ?? null}
        options={options}
        filteringType="auto"
        expandToViewport
        empty={m.app.noMatch}
        onChange={({ detail }) => choose(detail.selectedOption.value ?? '')}
      />
      <Button
        disabled={!option}
        onClick={() => {
          choose('');
          pick(value);
        }}
      >
        {button}
      </Button>
    </SpaceBetween>
  );
}
