/** The policies of devices. */
import type { Policy } from '@aws-sdk/client-iot';
import Box from '@cloudscape-design/components/box';
import Button from '@cloudscape-design/components/button';
import Header from '@cloudscape-design/components/header';
import Link from '@cloudscape-design/components/link';
import Pagination from '@cloudscape-design/components/pagination';
import SpaceBetween from '@cloudscape-design/components/space-between';
import Table from '@cloudscape-design/components/table';
import TextFilter from '@cloudscape-design/components/text-filter';
import { useState } from 'react';

import { useLive } from '../../api/live';
import { m } from '../../messages';
import { Trouble } from '../../parts/feedback';
import { arrange, pageOf, pages, useView } from '../../parts/table';
import { href } from '../../router';
import { listPolicies } from './data';
import { CreatePolicyDialog } from './edit-policy';

export default function PolicyList() {
  const view = useView('name');
  const live = useLive('policies list', listPolicies);
  const [creating, setCreating] = useState(false);
  const rows = arrange<Policy>(live.data ?? [], view, (row) => [row.policyName], { name: (row) => row.policyName ?? '' });
  const page = Math.min(view.page, pages(rows.length));
  const none = (
    <Box textAlign="center" padding={{ vertical: 'l' }}>
      <Box variant="strong">{m.policies.first}</Box>
      <Box variant="p" color="text-body-secondary">
        {m.policies.firstText}
      </Box>
    </Box>
  );
  return (
    <>
      <Table<Policy>
        variant="full-page"
        stickyHeader
        loading={live.loading && !live.data}
        loadingText={m.app.loading}
        items={pageOf(rows, page)}
        trackBy="policyName"
        ariaLabels={{ tableLabel: m.policies.title }}
        empty={
          live.error && !live.data ? (
            <Trouble error={live.error} retry={live.refresh} />
          ) : view.text ? (
            <Box textAlign="center">{m.app.noMatch}</Box>
          ) : (
            none
          )
        }
        columnDefinitions={[
          {
            id: 'name',
            header: m.policies.name,
            sortingField: 'name',
            isRowHeader: true,
            cell: ({ policyName = '' }) => <Link href={href(['policies', policyName])}>{policyName}</Link>,
          },
          { id: 'arn', header: m.certificates.arn, cell: (row) => row.policyArn },
        ]}
        sortingColumn={{ sortingField: 'name' }}
        sortingDescending={view.descending}
        onSortingChange={({ detail }) => view.set({ sort: detail.isDescending ? '-name' : 'name' })}
        header={
          <Header
            variant="awsui-h1-sticky"
            counter={live.data ? `(${live.data.length})` : undefined}
            description={m.policies.description}
            actions={
              <SpaceBetween direction="horizontal" size="xs">
                <Button iconName="refresh" ariaLabel={m.app.refresh} loading={live.loading} onClick={live.refresh} />
                <Button variant="primary" onClick={() => setCreating(true)}>
                  {m.policies.create}
                </Button>
              </SpaceBetween>
            }
          >
            {m.policies.title}
          </Header>
        }
        filter={
          <TextFilter
            filteringText={view.text}
            filteringPlaceholder={m.app.find}
            filteringAriaLabel={m.app.find}
            countText={view.text ? m.policies.count(rows.length) : undefined}
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
        <CreatePolicyDialog
          dismiss={() => setCreating(false)}
          done={() => {
            setCreating(false);
            live.refresh();
          }}
        />
      )}
    </>
  );
}
