/** Who uses the API: users with access keys. */
import type { User } from '@aws-sdk/client-iam';
import Link from '@cloudscape-design/components/link';
import type { TableProps } from '@cloudscape-design/components/table';
import { useState } from 'react';

import { listUsers } from '../../api/iam';
import { useLive } from '../../api/live';
import { moment } from '../../api/time';
import { m } from '../../messages';
import { ListTable, None } from '../../parts/list-table';
import { arrange, useView } from '../../parts/table';
import { go, href } from '../../router';
import { CreateUserDialog } from './create';

const KEYS: Record<string, (row: User) => string | number> = {
  name: (row) => row.UserName ?? '',
  created: (row) => row.CreateDate?.getTime() ?? 0,
};

const COLUMNS: TableProps.ColumnDefinition<User>[] = [
  {
    id: 'name',
    header: m.users.name,
    sortingField: 'name',
    isRowHeader: true,
    cell: ({ UserName = '' }) => <Link href={href(['users', UserName])}>{UserName}</Link>,
  },
  { id: 'path', header: m.users.path, cell: (row) => row.Path },
  { id: 'arn', header: m.users.arn, cell: (row) => row.Arn },
  { id: 'created', header: m.users.created, sortingField: 'created', cell: (row) => moment(row.CreateDate) },
];

export default function UserList() {
  const view = useView('name');
  const live = useLive('users', listUsers);
  const [creating, setCreating] = useState(false);
  const rows = arrange(live.data ?? [], view, (row) => [row.UserName, row.Path], KEYS);
  return (
    <>
      <ListTable
        texts={m.users}
        live={live}
        view={view}
        rows={rows}
        trackBy="UserName"
        columns={COLUMNS}
        none={<None title={m.users.first} text={m.users.firstText} />}
        createLabel={m.users.create}
        onCreate={() => setCreating(true)}
      />
      {creating && (
        <CreateUserDialog dismiss={() => setCreating(false)} done={(name) => go(href(['users', name]))} />
      )}
    </>
  );
}
