/** One provisioning template: its settings, its versions, and what it would make. */
import {
  DeleteProvisioningTemplateVersionCommand,
  DescribeProvisioningTemplateCommand,
  DescribeProvisioningTemplateVersionCommand,
  UpdateProvisioningTemplateCommand,
  type DescribeProvisioningTemplateResponse,
} from '@aws-sdk/client-iot';
import Button from '@cloudscape-design/components/button';
import { useState } from 'react';

import { clients } from '../../api/clients';
import { aws } from '../../api/command';
import { useLive } from '../../api/live';
import { moment } from '../../api/time';
import { m } from '../../messages';
import { DetailPage, Facts, Token } from '../../parts/detail';
import { useAct } from '../../parts/form';
import { indented } from '../../parts/json';
import { useShown, VersionBox, VersionTable } from '../../parts/versions';
import { go } from '../../router';
import { DeleteTemplateDialog } from './delete-template';
import { DryRun } from './dry-run';
import { listVersions } from './template-data';
import { EditTemplateDialog } from './template-form';
import { NewVersionDialog } from './template-versions';

async function bodyOf(templateName: string, version: string): Promise<string> {
  const input = { templateName, versionId: Number(version) };
  return (await clients().iot.send(new DescribeProvisioningTemplateVersionCommand(input))).templateBody ?? '';
}

export default function TemplateDetail({ name }: { name: string }) {
  const [asking, setAsking] = useState<'delete' | 'edit' | 'version'>();
  const live = useLive(`template ${name}`, () =>
    clients().iot.send(new DescribeProvisioningTemplateCommand({ templateName: name })),
  );
  const act = useAct(live.refresh);
  const inUse = String(live.data?.defaultVersionId ?? 1);
  const shown = useShown(inUse);
  const body = useLive(`template ${name} ${shown.version}`, () => bodyOf(name, shown.version), false);
  const versions = useLive(`versions of ${name} ${inUse}`, () => listVersions(name));
  const close = () => setAsking(undefined);
  const changed = () => {
    shown.choose();
    live.refresh();
    versions.refresh();
  };
  const actOnVersion = useAct(changed);
  const { iot } = clients();
  const given = { 'template-name': name };
  const use = (id: string) => {
    const change = new UpdateProvisioningTemplateCommand({ templateName: name, defaultVersionId: Number(id) });
    void actOnVersion(iot.send(change), m.template.using(id));
  };
  const remove = (id: string) => {
    const change = new DeleteProvisioningTemplateVersionCommand({ templateName: name, versionId: Number(id) });
    void actOnVersion(iot.send(change), m.versions.gone(id));
  };
  const toggle = (enabled: boolean) =>
    void act(iot.send(new UpdateProvisioningTemplateCommand({ templateName: name, enabled })), m.templates.changed(name));
  return (
    <DetailPage
      live={live}
      title={name}
      actions={({ enabled }) => (
        <>
          <Button onClick={() => setAsking('delete')}>{m.app.remove}</Button>
          <Button onClick={() => toggle(!enabled)}>{enabled ? m.templates.disable : m.templates.enable}</Button>
          <Button onClick={() => setAsking('edit')}>{m.template.edit}</Button>
          <Button variant="primary" onClick={() => setAsking('version')}>
            {m.template.newVersion}
          </Button>
        </>
      )}
      dialogs={(template) => (
        <>
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
                changed();
                shown.choose(id);
              }}
            />
          )}
          {asking === 'delete' && <DeleteTemplateDialog name={name} dismiss={close} done={() => go('#/templates')} />}
        </>
      )}
    >
      {(template) => (
        <>
          <About template={template} />
          <VersionBox
            shown={shown}
            inUse={inUse}
            ids={versions.data?.map(({ id }) => id) ?? []}
            of={`templates/${name}`}
            load={async (id) => indented(await bodyOf(name, id))}
            command={(id) => aws('iot', 'describe-provisioning-template-version', { ...given, 'version-id': id })}
            label={m.ca.body}
          />
          <VersionTable
            live={versions}
            versions={versions.data}
            inUse={inUse}
            shown={shown}
            command={aws('iot', 'update-provisioning-template', { ...given, 'default-version-id': inUse })}
            use={use}
            remove={remove}
          />
          {body.data !== undefined && (
            <DryRun key={`${shown.version} ${body.data}`} name={name} version={Number(shown.version)} body={body.data} />
          )}
        </>
      )}
    </DetailPage>
  );
}

function About({ template }: { template: DescribeProvisioningTemplateResponse }) {
  return (
    <Facts
      title={m.templates.details}
      command={aws('iot', 'describe-provisioning-template', { 'template-name': template.templateName })}
      items={[
        { label: m.templates.type, value: <Token>{template.type ?? '–'}</Token> },
        { label: m.templates.enabled, value: template.enabled ? m.templates.yes : m.templates.no },
        { label: m.templates.modified, value: moment(template.lastModifiedDate) },
        { label: m.templates.about, value: template.description || '–' },
        { label: m.templates.role, value: <Token>{template.provisioningRoleArn}</Token> },
        { label: m.templates.hook, value: <Token>{template.preProvisioningHook?.targetArn ?? '–'}</Token> },
      ]}
    />
  );
}
