/** Who uses the API: users with access keys. */
import type { User } from '@aws-sdk/client-iam';
import Box from '@cloudscape-design/components/box';
import Button from '@cloudscape-design/components/button';
import Header from '@cloudscape-design/components/header';
import Link from '@cloudscape-design/components/link';
import Pagination from '@cloudscape-design/components/pagination';
import SpaceBetween from '@cloudscape-design/components/space-between';
import Table, { type TableProps } from '@cloudscape-design/components/table';
import TextFilter from '@cloudscape-design/components/text-filter';
import { useState } from 'react';

import { listUsers } from '../../api/iam';
import { useLive } from '../../api/live';
import { moment } from '../../api/time';
import { m } from '../../messages';
import { Trouble } from '../../parts/feedback';
import { arrange, pageOf, pages, useView } from '../../parts/table';
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
  const page = Math.min(view.page, pages(rows.length));
  const none = (
    <Box textAlign="center" padding={{ vertical: 'l' }}>
      <Box variant="strong">{m.users.first}</Box>
      <Box variant="p" color="text-body-secondary">
        {m.users.firstText}
      </Box>
    </Box>
  );
  return (
    <>
      <Table<User>
        variant="full-page"
        stickyHeader
        loading={live.loading && !live.data}
        loadingText={m.app.loading}
        items={pageOf(rows, page)}
        trackBy="UserName"
        ariaLabels={{ tableLabel: m.users.title }}
        empty={
          live.error && !live.data ? (
            <Trouble error={live.error} retry={live.refresh} />
          ) : view.text ? (
            <Box textAlign="center">{m.app.noMatch}</Box>
          ) : (
            none
          )
        }
        columnDefinitions={COLUMNS}
        sortingColumn={{ sortingField: view.sort }}
        sortingDescending={view.descending}
        onSortingChange={({ detail }) =>
          view.set({ sort: `${detail.isDescending ? '-' : ''}${detail.sortingColumn.sortingField ?? 'name'}` })
        }
        header={
          <Header
            variant="awsui-h1-sticky"
            counter={live.data ? `(${live.data.length})` : undefined}
            description={m.users.description}
            actions={
              <SpaceBetween direction="horizontal" size="xs">
                <Button iconName="refresh" ariaLabel={m.app.refresh} loading={live.loading} onClick={live.refresh} />
                <Button variant="primary" onClick={() => setCreating(true)}>
                  {m.users.create}
                </Button>
              </SpaceBetween>
            }
          >
            {m.users.title}
          </Header>
        }
        filter={
          <TextFilter
            filteringText={view.text}
            filteringPlaceholder={m.app.find}
            filteringAriaLabel={m.app.find}
            countText={view.text ? m.users.count(rows.length) : undefined}
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
        <CreateUserDialog dismiss={() => setCreating(false)} done={(name) => go(href(['users', name]))} />
      )}
    </>
  );
}
