/** The tunnels hub. */
import Box from '@cloudscape-design/components/box';
import Button from '@cloudscape-design/components/button';
import ButtonDropdown from '@cloudscape-design/components/button-dropdown';
import Header from '@cloudscape-design/components/header';
import Link from '@cloudscape-design/components/link';
import Select from '@cloudscape-design/components/select';
import SpaceBetween from '@cloudscape-design/components/space-between';
import Table, { type TableProps } from '@cloudscape-design/components/table';
import TextFilter from '@cloudscape-design/components/text-filter';
import { useEffect, useMemo, useRef, useState } from 'react';

import { kindOf } from '../../api/errors';
import { each, useLive } from '../../api/live';
import { ago } from '../../api/time';
import { m } from '../../messages';
import { count } from '../../messages/locale';
import { Trouble } from '../../parts/feedback';
import { usePages } from '../../parts/pages';
import { arrange, useView } from '../../parts/table';
import { Beginning, Whole } from '../../parts/whole';
import { go, href } from '../../router';
import { describeTunnel, endOf, isOpen, listTunnels, type Tunnel } from './data';
import { RemoveDialog, type Removal } from './dialogs';
import { Side, Status, TimeLeft } from './parts';

/** Tunnels described at once: what the list lacks, side states and thing, is asked for each row that is shown. */
const AT_ONCE = 6;

const KEYS: Record<string, (tunnel: Tunnel) => string | number> = {
  id: (tunnel) => tunnel.tunnelId ?? '',
  status: (tunnel) => tunnel.status ?? '',
  about: (tunnel) => tunnel.description ?? '',
  created: (tunnel) => tunnel.createdAt?.getTime() ?? 0,
};

export default function TunnelList() {
  const view = useView('-created');
  const thing = view.get('thing');
  const status = view.get('status');
  const live = useLive(`tunnels ${thing}`, () => listTunnels(thing || undefined));
  const rows = useMemo(() => {
    const found = arrange<Tunnel>(live.data ?? [], view, (row) => [row.tunnelId, row.description, row.status], KEYS);
    return status ? found.filter((row) => row.status === status) : found;
  }, [live.data, view, status]);
  const paged = usePages(rows, view);
  const shown = useDetails(paged.items);
  const [selected, setSelected] = useState<Tunnel[]>([]);
  const [removal, setRemoval] = useState<Removal>();
  const [now, setNow] = useState(Date.now());
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), 1_000);
    return () => clearInterval(timer);
  }, []);
  const chosen = selected.flatMap((one) => rows.filter((row) => row.tunnelId === one.tunnelId));
  const only = chosen.length === 1 ? chosen[0] : undefined;
  const columns = columnsAt(now);

  return (
    <>
      <Table<Tunnel>
        variant="full-page"
        stickyHeader
        wrapLines
        loading={live.loading && !live.data}
        loadingText={m.app.loading}
        items={shown}
        trackBy={(row) => row.tunnelId ?? ''}
        columnDefinitions={columns}
        sortingColumn={columns.find((column) => column.sortingField === view.sort) ?? {}}
        sortingDescending={view.descending}
        onSortingChange={({ detail }) =>
          view.set({ sort: `${detail.isDescending ? '-' : ''}${detail.sortingColumn.sortingField ?? 'created'}` })
        }
        selectionType="multi"
        selectedItems={chosen}
        onSelectionChange={({ detail }) => setSelected(detail.selectedItems)}
        ariaLabels={{
          allItemsSelectionLabel: () => m.tunnels.selectAll,
          itemSelectionLabel: (_, row) => m.tunnels.select(row.tunnelId ?? ''),
          tableLabel: m.tunnels.title,
        }}
        empty={live.error && !live.data ? <Trouble error={live.error} retry={live.refresh} /> : <Empty filtered={Boolean(view.text || status || thing)} />}
        header={
          <SpaceBetween size="s">
            <Header
              variant="awsui-h1-sticky"
              counter={live.data ? `(${count(live.data.length)})` : undefined}
              description={m.tunnels.description}
              actions={
                <SpaceBetween direction="horizontal" size="xs">
                  <Button iconName="refresh" ariaLabel={m.app.refresh} loading={live.loading} onClick={live.refresh} />
                  <ButtonDropdown
                    disabled={chosen.length === 0}
                    items={[
                      { id: 'close', text: m.tunnels.closeTunnel, disabled: !chosen.some(isOpen) },
                      { id: 'delete', text: m.tunnels.deleteTunnel },
                      { id: 'duplicate', text: m.tunnels.duplicate, disabled: !only },
                    ]}
                    onItemClick={({ detail }) => {
                      if (detail.id === 'duplicate') go(href(['tunnels', 'create'], { like: only?.tunnelId }));
                      else setRemoval({ kind: detail.id === 'close' ? 'close' : 'delete', tunnels: chosen });
                    }}
                  >
                    {m.app.actions}
                  </ButtonDropdown>
                  <Button disabled={!only || !isOpen(only)} onClick={() => go(href(['tunnels', only?.tunnelId ?? '']))}>
                    {m.tunnels.connect}
                  </Button>
                  <Button variant="primary" href="#/tunnels/create">
                    {m.tunnels.create}
                  </Button>
                </SpaceBetween>
              }
            >
              {m.tunnels.title}
            </Header>
            {live.error !== undefined && live.data && (
              <Box color="text-status-warning">{kindOf(live.error) === 'denied' ? m.trouble.denied : m.app.reconnecting}</Box>
            )}
          </SpaceBetween>
        }
        filter={
          <SpaceBetween direction="horizontal" size="xs">
            <TextFilter
              filteringText={view.text}
              filteringPlaceholder={m.app.find}
              filteringAriaLabel={m.app.find}
              countText={view.text ? m.tunnels.count(rows.length) : undefined}
              onChange={({ detail }) => view.set({ filter: detail.filteringText })}
            />
            <Select
              ariaLabel={m.tunnels.statusFilter}
              selectedOption={STATUSES.find((option) => option.value === status) ?? STATUSES[0] ?? null}
              options={STATUSES}
              onChange={({ detail }) => view.set({ status: detail.selectedOption.value })}
            />
            <TextFilter
              filteringText={thing}
              filteringPlaceholder={m.tunnels.thing}
              filteringAriaLabel={m.tunnels.thingFilter}
              onDelayedChange={({ detail }) => view.set({ thing: detail.filteringText })}
              onChange={({ detail }) => view.set({ thing: detail.filteringText })}
            />
          </SpaceBetween>
        }
        pagination={paged.pagination}
        preferences={paged.preferences}
      />
      {removal && (
        <RemoveDialog
          removal={removal}
          done={() => {
            setRemoval(undefined);
            setSelected([]);
            live.refresh();
          }}
          dismiss={() => setRemoval(undefined)}
        />
      )}
    </>
  );
}

const STATUSES = [
  { value: '', label: m.tunnels.anyStatus },
  { value: 'OPEN', label: m.tunnels.open },
  { value: 'CLOSED', label: m.tunnels.closed },
];

function Empty({ filtered }: { filtered: boolean }) {
  if (filtered) return <Box textAlign="center">{m.app.noMatch}</Box>;
  return (
    <Box textAlign="center" padding={{ vertical: 'l' }}>
      <SpaceBetween size="s">
        <Box variant="strong">{m.tunnels.createFirst}</Box>
        <Box variant="p" color="text-body-secondary">
          {m.tunnels.createFirstText}
        </Box>
        <Button href="#/tunnels/create">{m.tunnels.create}</Button>
      </SpaceBetween>
    </Box>
  );
}

/** The rows with what DescribeTunnel adds; open tunnels are asked again whenever the list is. */
function useDetails(rows: Tunnel[]): Tunnel[] {
  const known = useRef(new Map<string, Tunnel>());
  const [, setRound] = useState(0);
  useEffect(() => {
    let ended = false;
    const wanted = rows.filter((row) => isOpen(row) || known.current.get(row.tunnelId ?? '')?.status !== row.status);
    void each(wanted, AT_ONCE, async (row) => {
      // One row that is gone or denied shows what the list says.
      const found = await describeTunnel(row.tunnelId ?? '').catch(() => undefined);
      if (found?.tunnelId && !ended) known.current.set(found.tunnelId, found);
    }).then(() => {
      if (!ended) setRound((round) => round + 1);
    });
    return () => {
      ended = true;
    };
    // The rows' own identity changes with every render; what they are does not.
  }, [JSON.stringify(rows)]);
  return rows.map((row) => ({ ...known.current.get(row.tunnelId ?? ''), ...row }));
}

function columnsAt(now: number): TableProps.ColumnDefinition<Tunnel>[] {
  return [
    {
      id: 'id',
      header: m.tunnels.id,
      sortingField: 'id',
      isRowHeader: true,
      cell: ({ tunnelId = '' }) => (
        <Link href={href(['tunnels', tunnelId])}>
          <span title={tunnelId}>{tunnelId.slice(0, 8)}…</span>
        </Link>
      ),
    },
    { id: 'status', header: m.tunnels.status, sortingField: 'status', cell: (row) => <Status status={row.status} /> },
    {
      id: 'thing',
      header: m.tunnels.thing,
      minWidth: 120,
      cell: (row) => {
        const thing = row.destinationConfig?.thingName;
        return thing ? <Link href={href(['things', thing])}>{thing}</Link> : '–';
      },
    },
    { id: 'services', header: m.tunnels.services, minWidth: 100, cell: (row) => row.destinationConfig?.services?.join(', ') || '–' },
    { id: 'source', header: m.tunnels.source, cell: (row) => <Side status={row.sourceConnectionState?.status} /> },
    {
      id: 'destination',
      header: m.tunnels.destination,
      cell: (row) => <Side status={row.destinationConnectionState?.status} />,
    },
    {
      id: 'left',
      header: m.tunnels.left,
      cell: (row) => <Whole>{isOpen(row) && endOf(row) === undefined ? '–' : <TimeLeft tunnel={row} now={now} />}</Whole>,
    },
    {
      id: 'created',
      header: m.tunnels.created,
      sortingField: 'created',
      cell: (row) => <Whole>{row.createdAt ? ago(row.createdAt, now) : '–'}</Whole>,
    },
    { id: 'about', header: m.tunnels.about, sortingField: 'about', minWidth: 160, cell: (row) => <Beginning of={row.description || '–'} /> },
  ];
}
