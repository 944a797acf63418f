/** The policies of devices. */
import type { Policy } from '@aws-sdk/client-iot';
import Link from '@cloudscape-design/components/link';
import type { TableProps } from '@cloudscape-design/components/table';
import { useState } from 'react';

import { useLive } from '../../api/live';
import { m } from '../../messages';
import { ListTable, None } from '../../parts/list-table';
import { arrange, useView } from '../../parts/table';
import { href } from '../../router';
import { listPolicies } from './data';
import { CreatePolicyDialog } from './edit-policy';

const COLUMNS: TableProps.ColumnDefinition<Policy>[] = [
  {
    id: 'name',
    header: m.policies.name,
    sortingField: 'name',
    isRowHeader: true,
    cell: ({ policyName = '' }) => <Link href={href(['policies', policyName])}>{policyName}</Link>,
  },
  { id: 'arn', header: m.certificates.arn, cell: (row) => row.policyArn },
];

export default function PolicyList() {
  const view = useView('name');
  const live = useLive('policies list', listPolicies);
  const [creating, setCreating] = useState(false);
  const rows = arrange<Policy>(live.data ?? [], view, (row) => [row.policyName], { name: (row) => row.policyName ?? '' });
  return (
    <>
      <ListTable
        texts={m.policies}
        live={live}
        view={view}
        rows={rows}
        trackBy="policyName"
        columns={COLUMNS}
        none={<None title={m.policies.first} text={m.policies.firstText} />}
        createLabel={m.policies.create}
        onCreate={() => setCreating(true)}
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
