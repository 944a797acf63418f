/** The provisioning templates. */
import type { ProvisioningTemplateSummary } from '@aws-sdk/client-iot';
import Link from '@cloudscape-design/components/link';
import type { TableProps } from '@cloudscape-design/components/table';
import { useState } from 'react';

import { useLive } from '../../api/live';
import { moment } from '../../api/time';
import { m } from '../../messages';
import { Token } from '../../parts/detail';
import { ListTable, None } from '../../parts/list-table';
import { arrange, useView } from '../../parts/table';
import { go, href } from '../../router';
import { listTemplates } from './template-data';
import { CreateTemplateDialog } from './template-form';

const COLUMNS: TableProps.ColumnDefinition<ProvisioningTemplateSummary>[] = [
  {
    id: 'name',
    header: m.templates.name,
    isRowHeader: true,
    cell: ({ templateName = '' }) => <Link href={href(['templates', templateName])}>{templateName}</Link>,
  },
  { id: 'type', header: m.templates.type, cell: (row) => <Token>{row.type ?? '–'}</Token> },
  { id: 'enabled', header: m.templates.enabled, cell: (row) => (row.enabled ? m.templates.yes : m.templates.no) },
  { id: 'about', header: m.templates.about, cell: (row) => row.description || '–' },
  { id: 'modified', header: m.templates.modified, cell: (row) => moment(row.lastModifiedDate) },
];

export default function TemplateList() {
  const view = useView('name');
  const live = useLive('templates', listTemplates);
  const [creating, setCreating] = useState(false);
  const rows = arrange(live.data ?? [], view, (row) => [row.templateName, row.description, row.type], {
    name: (row) => row.templateName ?? '',
  });
  return (
    <>
      <ListTable
        texts={m.templates}
        live={live}
        view={view}
        rows={rows}
        trackBy="templateName"
        columns={COLUMNS}
        none={<None title={m.templates.none} text={m.templates.noneText} />}
        createLabel={m.template.create}
        onCreate={() => setCreating(true)}
      />
      {creating && (
        <CreateTemplateDialog
          dismiss={() => setCreating(false)}
          done={(name) => go(href(['templates', name]))}
        />
      )}
    </>
  );
}
