/** The certificates of devices. */
import type { Certificate } from '@aws-sdk/client-iot';
import Button from '@cloudscape-design/components/button';
import Link from '@cloudscape-design/components/link';
import type { TableProps } from '@cloudscape-design/components/table';
import { useState } from 'react';

import { useLive } from '../../api/live';
import { moment } from '../../api/time';
import { m } from '../../messages';
import { ListTable, None } from '../../parts/list-table';
import { arrange, useView } from '../../parts/table';
import { StatusWord } from '../../parts/whole';
import { go, href } from '../../router';
import { CreateCertificateDialog } from './create-certificate';
import { listCertificates } from './data';
import { RegisterCertificateDialog } from './register-certificate';

const KEYS: Record<string, (row: Certificate) => string | number> = {
  id: (row) => row.certificateId ?? '',
  status: (row) => row.status ?? '',
  created: (row) => row.creationDate?.getTime() ?? 0,
};

export function CertificateStatus({ status }: { status: string | undefined }) {
  if (status === 'ACTIVE') return <StatusWord type="success">{m.certificates.active}</StatusWord>;
  if (status === 'REVOKED') return <StatusWord type="error">{m.certificates.revoked}</StatusWord>;
  if (status === 'INACTIVE') return <StatusWord type="stopped">{m.certificates.inactive}</StatusWord>;
  return <StatusWord type="pending">{m.certificates.pending}</StatusWord>;
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
  const [asking, setAsking] = useState<'create' | 'register'>();
  const rows = arrange(live.data ?? [], view, (row) => [row.certificateId, row.status], KEYS);
  return (
    <>
      <ListTable
        texts={m.certificates}
        live={live}
        view={view}
        rows={rows}
        trackBy="certificateId"
        columns={COLUMNS}
        none={<None title={m.certificates.first} text={m.certificates.firstText} />}
        createLabel={m.certificates.create}
        onCreate={() => setAsking('create')}
        actions={<Button onClick={() => setAsking('register')}>{m.certificates.register}</Button>}
      />
      {asking === 'create' && (
        <CreateCertificateDialog
          dismiss={() => {
            setAsking(undefined);
            live.refresh();
          }}
        />
      )}
      {asking === 'register' && (
        <RegisterCertificateDialog
          dismiss={() => setAsking(undefined)}
          done={(id) => go(href(['certificates', id]))}
        />
      )}
    </>
  );
}
