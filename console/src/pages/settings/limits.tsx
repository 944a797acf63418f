/** What the server allows at most. */
import Badge from '@cloudscape-design/components/badge';
import Box from '@cloudscape-design/components/box';
import Header from '@cloudscape-design/components/header';
import SpaceBetween from '@cloudscape-design/components/space-between';
import Table from '@cloudscape-design/components/table';
import TextFilter from '@cloudscape-design/components/text-filter';

import { curl } from '../../api/command';
import { limits, type Limit } from '../../api/health';
import { useLive } from '../../api/live';
import { m } from '../../messages';
import { count } from '../../messages/locale';
import { Token } from '../../parts/detail';
import { Said, SameOnCommandLine, Trouble } from '../../parts/feedback';
import { arrange, useView } from '../../parts/table';

const isChanged = ({ configurable, value, default: usual }: Limit) => configurable && usual !== undefined && usual !== value;

/** A number as the reader's language writes it; anything else as it is. */
function written(value: string, unit?: string): string {
  const text = /^\d{1,15}$/.test(value) ? count(Number(value)) : value;
  return unit ? m.limits.withUnit(text, unit) : text;
}

export function Limits() {
  const view = useView('name');
  const live = useLive('limits', limits);
  const rows = arrange<Limit>(live.data ?? [], view, (row) => [row.name, row.description], { name: (row) => row.name });
  return (
    <SpaceBetween size="m">
      <Table<Limit>
        variant="container"
        wrapLines
        loading={live.loading && !live.data}
        loadingText={m.app.loading}
        items={rows}
        trackBy="name"
        ariaLabels={{ tableLabel: m.limits.title }}
        header={
          <Header variant="h2" description={m.limits.description} counter={live.data ? `(${count(rows.length)})` : undefined}>
            {m.limits.title}
          </Header>
        }
        empty={
          live.error !== undefined && !live.data ? (
            <Trouble error={live.error} retry={live.refresh} />
          ) : (
            <Box textAlign="center">{view.text ? m.app.noMatch : m.limits.none}</Box>
          )
        }
        filter={
          <TextFilter
            filteringText={view.text}
            filteringPlaceholder={m.app.find}
            filteringAriaLabel={m.app.find}
            countText={view.text ? m.limits.count(rows.length) : undefined}
            onChange={({ detail }) => view.set({ filter: detail.filteringText })}
          />
        }
        footer={<SameOnCommandLine command={curl('/adit/limits', {})} />}
        columnDefinitions={[
          { id: 'name', header: m.limits.name, isRowHeader: true, minWidth: 200, cell: (row) => <Token>{row.name}</Token> },
          { id: 'value', header: m.limits.value, minWidth: 140, cell: (row) => <Value of={row} /> },
          { id: 'used', header: m.limits.used, minWidth: 80, cell: (row) => (row.used === undefined ? '–' : count(row.used)) },
          { id: 'about', header: m.limits.about, minWidth: 280, cell: (row) => <Said>{row.description}</Said> },
        ]}
      />
    </SpaceBetween>
  );
}

function Value({ of }: { of: Limit }) {
  const { value, unit, configurable } = of;
  return (
    <SpaceBetween direction="horizontal" size="xs">
      <span lang="en">{written(value, unit)}</span>
      {!configurable && <Badge>{m.limits.fixed}</Badge>}
      {isChanged(of) && <Badge color="blue">{m.limits.changed}</Badge>}
      {isChanged(of) && <Box variant="small">{m.limits.defaultIs(written(of.default ?? '', unit))}</Box>}
    </SpaceBetween>
  );
}
