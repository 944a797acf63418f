/** The provisioning templates. */
import type { ProvisioningTemplateSummary } from '@aws-sdk/client-iot';
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
import { moment } from '../../api/time';
import { m } from '../../messages';
import { Trouble } from '../../parts/feedback';
import { arrange, pageOf, pages, useView } from '../../parts/table';
import { go, href } from '../../router';
import { listTemplates } from './template-data';
import { CreateTemplateDialog } from './template-form';

export default function TemplateList() {
  const view = useView('name');
  const live = useLive('templates', listTemplates);
  const [creating, setCreating] = useState(false);
  const rows = arrange(live.data ?? [], view, (row) => [row.templateName, row.description, row.type], {
    name: (row) => row.templateName ?? '',
  });
  const page = Math.min(view.page, pages(rows.length));
  const none = (
    <Box textAlign="center" padding={{ vertical: 'l' }}>
      <Box variant="strong">{m.templates.none}</Box>
      <Box variant="p" color="text-body-secondary">
        {m.templates.noneText}
      </Box>
    </Box>
  );
  return (
    <>
      <Table<ProvisioningTemplateSummary>
        variant="full-page"
        loading={live.loading && !live.data}
        loadingText={m.app.loading}
        items={pageOf(rows, page)}
        trackBy="templateName"
        ariaLabels={{ tableLabel: m.templates.title }}
        empty={
          live.error && !live.data ? (
            <Trouble error={live.error} retry={live.refresh} />
          ) : view.text ? (
            <Box textAlign="center">{m.app.noMatch}</Box>
          ) : (
            none
          )
        }
        header={
          <Header
            variant="awsui-h1-sticky"
            counter={live.data ? `(${live.data.length})` : undefined}
            description={m.templates.description}
            actions={
              <SpaceBetween direction="horizontal" size="xs">
                <Button iconName="refresh" ariaLabel={m.app.refresh} loading={live.loading} onClick={live.refresh} />
                <Button variant="primary" onClick={() => setCreating(true)}>
                  {m.template.create}
                </Button>
              </SpaceBetween>
            }
          >
            {m.templates.title}
          </Header>
        }
        filter={
          <TextFilter
            filteringText={view.text}
            filteringPlaceholder={m.app.find}
            filteringAriaLabel={m.app.find}
            countText={view.text ? m.templates.count(rows.length) : undefined}
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
        columnDefinitions={[
          {
            id: 'name',
            header: m.templates.name,
            isRowHeader: true,
            cell: ({ templateName = '' }) => <Link href={href(['templates', templateName])}>{templateName}</Link>,
          },
          { id: 'type', header: m.templates.type, cell: (row) => row.type ?? '–' },
          { id: 'enabled', header: m.templates.enabled, cell: (row) => (row.enabled ? m.templates.yes : m.templates.no) },
          { id: 'about', header: m.templates.about, cell: (row) => row.description || '–' },
          { id: 'modified', header: m.templates.modified, cell: (row) => moment(row.lastModifiedDate) },
        ]}
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
