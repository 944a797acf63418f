/** The certificates of devices. */
import type { Certificate } from '@aws-sdk/client-iot';
import Box from '@cloudscape-design/components/box';
import Button from '@cloudscape-design/components/button';
import Header from '@cloudscape-design/components/header';
import Link from '@cloudscape-design/components/link';
import Pagination from '@cloudscape-design/components/pagination';
import SpaceBetween from '@cloudscape-design/components/space-between';
import StatusIndicator from '@cloudscape-design/components/status-indicator';
import Table, { type TableProps } from '@cloudscape-design/components/table';
import TextFilter from '@cloudscape-design/components/text-filter';
import { useState } from 'react';

import { useLive } from '../../api/live';
import { moment } from '../../api/time';
import { m } from '../../messages';
import { Trouble } from '../../parts/feedback';
import { arrange, pageOf, pages, useView } from '../../parts/table';
import { href } from '../../router';
import { CreateCertificateDialog } from './create-certificate';
import { listCertificates } from './data';

const KEYS: Record<string, (row: Certificate) => string | number> = {
  id: (row) => row.certificateId ?? '',
  status: (row) => row.status ?? '',
  created: (row) => row.creationDate?.getTime() ?? 0,
};

export function CertificateStatus({ status }: { status: string | undefined }) {
  if (status === 'ACTIVE') return <StatusIndicator type="success">{m.certificates.active}</StatusIndicator>;
  if (status === 'REVOKED') return <StatusIndicator type="error">{m.certificates.revoked}</StatusIndicator>;
  if (status === 'INACTIVE') return <StatusIndicator type="stopped">{m.certificates.inactive}</StatusIndicator>;
  return <StatusIndicator type="pending">{m.certificates.pending}</StatusIndicator>;
}

const COLUMNS: TableProps.ColumnDefinition<Certificate>[] = [
  {
    id: 'id',
    header: m.certificates.id,
    sortingField: 'id',
    isRowHeader: true,
    cell: ({ certificateId = '' }) => (
      <Link href={href(['certificates', certificateId])}>
        <span title={certificateId}>{certificateId.slice(0, 16)}…</span>
      </Link>
    ),
  },
  {
    id: 'status',
    header: m.certificates.status,
    sortingField: 'status',
    cell: (row) => <CertificateStatus status={row.status} />,
  },
  { id: 'created', header: m.certificates.created, sortingField: 'created', cell: (row) => moment(row.creationDate) },
];

export default function CertificateList() {
  const view = useView('-created');
  const live = useLive('certificates', listCertificates);
  const [creating, setCreating] = useState(false);
  const rows = arrange(live.data ?? [], view, (row) => [row.certificateId, row.status], KEYS);
  const page = Math.min(view.page, pages(rows.length));
  const empty = (
    <Box textAlign="center" padding={{ vertical: 'l' }}>
      <Box variant="strong">{m.certificates.first}</Box>
      <Box variant="p" color="text-body-secondary">
        {m.certificates.firstText}
      </Box>
    </Box>
  );
  return (
    <>
      <Table<Certificate>
        variant="full-page"
        stickyHeader
        loading={live.loading && !live.data}
        loadingText={m.app.loading}
        items={pageOf(rows, page)}
        trackBy="certificateId"
        ariaLabels={{ tableLabel: m.certificates.title }}
        columnDefinitions={COLUMNS}
        sortingColumn={COLUMNS.find((column) => column.sortingField === view.sort) ?? {}}
        sortingDescending={view.descending}
        onSortingChange={({ detail }) =>
          view.set({ sort: `${detail.isDescending ? '-' : ''}${detail.sortingColumn.sortingField ?? 'created'}` })
        }
        empty={
          live.error && !live.data ? (
            <Trouble error={live.error} retry={live.refresh} />
          ) : view.text ? (
            <Box textAlign="center">{m.app.noMatch}</Box>
          ) : (
            empty
          )
        }
        header={
          <Header
            variant="awsui-h1-sticky"
            counter={live.data ? `(${live.data.length})` : undefined}
            description={m.certificates.description}
            actions={
              <SpaceBetween direction="horizontal" size="xs">
                <Button iconName="refresh" ariaLabel={m.app.refresh} loading={live.loading} onClick={live.refresh} />
                <Button variant="primary" onClick={() => setCreating(true)}>
                  {m.certificates.create}
                </Button>
              </SpaceBetween>
            }
          >
            {m.certificates.title}
          </Header>
        }
        filter={
          <TextFilter
            filteringText={view.text}
            filteringPlaceholder={m.app.find}
            filteringAriaLabel={m.app.find}
            countText={view.text ? m.certificates.count(rows.length) : undefined}
            onChange={({ detail }) => view.set({ filter: detail.filteringText })}
          />
        }
        pagination={
          <Pagination
            currentPageIndex={page}
            pagesCount={pages(rows.length)}
            onChange={({ detail }) => view.set({ page: String(detail.currentPageIndex) })}
          />
        }
      />
      {creating && (
        <CreateCertificateDialog
          dismiss={() => {
            setCreating(false);
            live.refresh();
          }}
        />
      )}
    </>
  );
}
