/** One provisioning template: its settings, its versions, and what it would make. */
import {
  DeleteProvisioningTemplateCommand,
  DescribeProvisioningTemplateCommand,
  DescribeProvisioningTemplateVersionCommand,
  UpdateProvisioningTemplateCommand,
  type DescribeProvisioningTemplateResponse,
} from '@aws-sdk/client-iot';
import Box from '@cloudscape-design/components/box';
import Button from '@cloudscape-design/components/button';
import Container from '@cloudscape-design/components/container';
import ContentLayout from '@cloudscape-design/components/content-layout';
import Header from '@cloudscape-design/components/header';
import KeyValuePairs from '@cloudscape-design/components/key-value-pairs';
import SpaceBetween from '@cloudscape-design/components/space-between';
import Spinner from '@cloudscape-design/components/spinner';
import { useState } from 'react';

import { clients } from '../../api/clients';
import { aws } from '../../api/command';
import { useLive } from '../../api/live';
import { moment } from '../../api/time';
import { m } from '../../messages';
import { Confirm } from '../../parts/confirm';
import { Diff } from '../../parts/diff';
import { SameOnCommandLine, Trouble, useNotices } from '../../parts/feedback';
import { useAct } from '../../parts/form';
import { go } from '../../router';
import { indented } from './data';
import { DryRun } from './dry-run';
import { EditTemplateDialog } from './template-form';
import { NewVersionDialog, Versions } from './template-versions';

interface Shown {
  version: number;
  /** Beside the one that is in use. */
  compared: boolean;
}

export default function TemplateDetail({ name }: { name: string }) {
  const { notice } = useNotices();
  const [shown, setShown] = useState<Shown>();
  const [asking, setAsking] = useState<'delete' | 'edit' | 'version'>();
  const live = useLive(`template ${name}`, () =>
    clients().iot.send(new DescribeProvisioningTemplateCommand({ templateName: name })),
  );
  const act = useAct(live.refresh);
  const inUse = live.data?.defaultVersionId ?? 1;
  const version = shown?.version ?? inUse;
  const body = useLive(
    `template ${name} ${version}`,
    async () => {
      const input = { templateName: name, versionId: version };
      return (await clients().iot.send(new DescribeProvisioningTemplateVersionCommand(input))).templateBody ?? '';
    },
    false,
  );
  if (!live.data) return live.error ? <Trouble error={live.error} retry={live.refresh} /> : <Spinner size="large" />;
  const template = live.data;
  const close = () => setAsking(undefined);
  const toggle = () => {
    const change = new UpdateProvisioningTemplateCommand({ templateName: name, enabled: !template.enabled });
    void act(clients().iot.send(change), m.templates.changed(name));
  };
  return (
    <ContentLayout
      header={
        <Header
          variant="h1"
          actions={
            <SpaceBetween direction="horizontal" size="xs">
              <Button iconName="refresh" ariaLabel={m.app.refresh} loading={live.loading} onClick={live.refresh} />
              <Button onClick={() => setAsking('delete')}>{m.app.remove}</Button>
              <Button onClick={toggle}>{template.enabled ? m.templates.disable : m.templates.enable}</Button>
              <Button onClick={() => setAsking('edit')}>{m.template.edit}</Button>
              <Button variant="primary" onClick={() => setAsking('version')}>
                {m.template.newVersion}
              </Button>
            </SpaceBetween>
          }
        >
          {name}
        </Header>
      }
    >
      <SpaceBetween size="l">
        {live.error !== undefined && <Trouble error={live.error} retry={live.refresh} />}
        <Facts template={template} />
        <Container
          header={<Header variant="h2">{titleOf(version, inUse, shown?.compared)}</Header>}
          footer={
            <SameOnCommandLine
              command={aws('iot', 'describe-provisioning-template-version', { 'template-name': name, 'version-id': version })}
            />
          }
        >
          {body.error !== undefined && <Trouble error={body.error} retry={body.refresh} />}
          {body.data === undefined ? (
            body.loading && <Spinner />
          ) : shown?.compared && version !== inUse ? (
            <Comparison from={version} to={inUse} before={body.data} after={template.templateBody ?? ''} />
          ) : (
            <pre className="document" tabIndex={0} aria-label={m.ca.body}>
              {indented(body.data)}
            </pre>
          )}
        </Container>
        <Versions
          name={name}
          inUse={inUse}
          show={(id, compared) => setShown({ version: id, compared })}
          changed={() => {
            setShown(undefined);
            live.refresh();
          }}
        />
        {body.data !== undefined && <DryRun key={`${version} ${body.data}`} name={name} version={version} body={body.data} />}
      </SpaceBetween>
      {asking === 'edit' && (
        <EditTemplateDialog
          template={template}
          dismiss={close}
          done={() => {
            close();
            live.refresh();
          }}
        />
      )}
      {asking === 'version' && (
        <NewVersionDialog
          name={name}
          body={indented(body.data ?? template.templateBody)}
          dismiss={close}
          done={(id) => {
            close();
            setShown({ version: id, compared: false });
            live.refresh();
          }}
        />
      )}
      {asking === 'delete' && (
        <Confirm
          title={m.templates.deleteTitle(name)}
          button={m.app.remove}
          command={aws('iot', 'delete-provisioning-template', { 'template-name': name })}
          work={() => clients().iot.send(new DeleteProvisioningTemplateCommand({ templateName: name }))}
          dismiss={close}
          done={() => {
            notice('success', m.templates.deletedNow(name));
            go('#/templates');
          }}
        >
          <Box variant="p">{m.templates.deleteText}</Box>
        </Confirm>
      )}
    </ContentLayout>
  );
}

function titleOf(version: number, inUse: number, compared?: boolean): string {
  if (compared && version !== inUse) return m.template.comparison(version, inUse);
  return version === inUse ? `${m.template.version(version)} (${m.template.inUse})` : m.template.version(version);
}

function Comparison({ from, to, before, after }: { from: number; to: number; before: string; after: string }) {
  const [left, right] = [indented(before), indented(after)];
  if (left === right) return <Box>{m.template.noDifference}</Box>;
  return <Diff before={left} after={right} label={m.template.comparison(from, to)} />;
}

function Facts({ template }: { template: DescribeProvisioningTemplateResponse }) {
  return (
    <Container
      header={<Header variant="h2">{m.templates.details}</Header>}
      footer={
        <SameOnCommandLine
          command={aws('iot', 'describe-provisioning-template', { 'template-name': template.templateName })}
        />
      }
    >
      <KeyValuePairs
        columns={3}
        minColumnWidth={180}
        items={[
          { label: m.templates.type, value: template.type ?? '–' },
          { label: m.templates.enabled, value: template.enabled ? m.templates.yes : m.templates.no },
          { label: m.templates.modified, value: moment(template.lastModifiedDate) },
          { label: m.templates.about, value: template.description || '–' },
          { label: m.templates.role, value: <span className="token">{template.provisioningRoleArn}</span> },
          {
            label: m.templates.hook,
            value: <span className="token">{template.preProvisioningHook?.targetArn ?? '–'}</span>,
          },
        ]}
      />
    </Container>
  );
}
