/** The versions of a provisioning template. */
import {
  CreateProvisioningTemplateVersionCommand,
  DeleteProvisioningTemplateVersionCommand,
  ListProvisioningTemplateVersionsCommand,
  UpdateProvisioningTemplateCommand,
  type ProvisioningTemplateVersionSummary,
} from '@aws-sdk/client-iot';
import Box from '@cloudscape-design/components/box';
import Button from '@cloudscape-design/components/button';
import Checkbox from '@cloudscape-design/components/checkbox';
import ExpandableSection from '@cloudscape-design/components/expandable-section';
import Header from '@cloudscape-design/components/header';
import Link from '@cloudscape-design/components/link';
import SpaceBetween from '@cloudscape-design/components/space-between';
import Table from '@cloudscape-design/components/table';
import { useState } from 'react';

import { clients } from '../../api/clients';
import { aws } from '../../api/command';
import { useLive } from '../../api/live';
import { moment } from '../../api/time';
import { m } from '../../messages';
import { SameOnCommandLine, Trouble, useNotices } from '../../parts/feedback';
import { FormDialog, useAct } from '../../parts/form';
import { TextOrFile } from '../../parts/pem';
import { isJson } from './data';
import { DryRun } from './dry-run';

interface Props {
  name: string;
  inUse: number;
  show: (id: number, compared: boolean) => void;
  changed: () => void;
}

async function load(templateName: string): Promise<ProvisioningTemplateVersionSummary[]> {
  const input = { templateName, maxResults: 250 };
  const { versions = [] } = await clients().iot.send(new ListProvisioningTemplateVersionsCommand(input));
  return [...versions].sort((a, b) => (b.versionId ?? 0) - (a.versionId ?? 0));
}

export function Versions({ name, inUse, show, changed }: Props) {
  // The version in use is part of the key: another one is shown at once.
  const live = useLive(`versions of ${name} ${inUse}`, () => load(name));
  const act = useAct(() => {
    changed();
    live.refresh();
  });
  const { iot } = clients();
  const use = (id: number) =>
    void act(
      iot.send(new UpdateProvisioningTemplateCommand({ templateName: name, defaultVersionId: id })),
      m.template.using(id),
    );
  const remove = (id: number) =>
    void act(
      iot.send(new DeleteProvisioningTemplateVersionCommand({ templateName: name, versionId: id })),
      m.template.versionGone(id),
    );
  return (
    <Table<ProvisioningTemplateVersionSummary>
      variant="container"
      wrapLines
      loading={live.loading && !live.data}
      loadingText={m.app.loading}
      items={live.data ?? []}
      ariaLabels={{ tableLabel: m.template.versions }}
      empty={live.error !== undefined && <Trouble error={live.error} retry={live.refresh} />}
      header={<Header variant="h2">{m.template.versions}</Header>}
      footer={
        <SameOnCommandLine
          command={aws('iot', 'update-provisioning-template', { 'template-name': name, 'default-version-id': inUse })}
        />
      }
      columnDefinitions={[
        {
          id: 'version',
          header: m.policies.version,
          isRowHeader: true,
          cell: ({ versionId: id = 0 }) => (
            <>
              <Link onFollow={() => show(id, false)} ariaLabel={m.template.show(id)}>
                {id}
              </Link>
              {id === inUse ? ` (${m.template.inUse})` : ''}
            </>
          ),
        },
        { id: 'created', header: m.policies.versionCreated, cell: (row) => moment(row.creationDate) },
        {
          id: 'actions',
          header: m.app.actions,
          minWidth: 260,
          cell: ({ versionId: id = 0 }) =>
            id === inUse ? (
              '–'
            ) : (
              <SpaceBetween direction="horizontal" size="xs">
                <Button onClick={() => show(id, true)} ariaLabel={`${m.template.compare}: ${id}`}>
                  {m.template.compare}
                </Button>
                <Button onClick={() => use(id)} ariaLabel={`${m.template.use}: ${id}`}>
                  {m.template.use}
                </Button>
                <Button onClick={() => remove(id)} ariaLabel={`${m.template.removeVersion}: ${id}`}>
                  {m.template.removeVersion}
                </Button>
              </SpaceBetween>
            ),
        },
      ]}
    />
  );
}

interface NewProps {
  name: string;
  body: string;
  done: (id: number) => void;
  dismiss: () => void;
}

export function NewVersionDialog({ name, body, done, dismiss }: NewProps) {
  const { notice } = useNotices();
  const [text, setText] = useState(body);
  const [isDefault, setDefault] = useState(true);
  const command = aws('iot', 'create-provisioning-template-version', {
    'template-name': name,
    'set-as-default': isDefault,
    'template-body': isJson(text) ? JSON.stringify(JSON.parse(text)) : text,
  });
  const work = async () => {
    const input = { templateName: name, templateBody: text, setAsDefault: isDefault };
    const { versionId = 0 } = await clients().iot.send(new CreateProvisioningTemplateVersionCommand(input));
    notice('success', m.template.madeVersion(versionId));
    return versionId;
  };
  return (
    <FormDialog
      large
      title={m.template.newVersion}
      button={m.app.create}
      command={command}
      bad={!isJson(text)}
      dismiss={dismiss}
      work={work}
      done={done}
    >
      {(checked) => (
        <>
          <Box variant="p">{m.template.newVersionText}</Box>
          <TextOrFile
            label={m.ca.body}
            rows={16}
            value={text}
            change={setText}
            error={checked && !isJson(text) ? m.ca.bodyBad : undefined}
          />
          <Checkbox checked={isDefault} onChange={({ detail }) => setDefault(detail.checked)}>
            {m.template.useAtOnce}
          </Checkbox>
          <ExpandableSection headerText={m.template.dryRun}>
            <DryRun name={name} body={text} embedded />
          </ExpandableSection>
        </>
      )}
    </FormDialog>
  );
}
