/** Creating a provisioning template, and changing what is not in its versions. */
import {
  CreateProvisioningTemplateCommand,
  UpdateProvisioningTemplateCommand,
  type DescribeProvisioningTemplateResponse,
} from '@aws-sdk/client-iot';
import Checkbox from '@cloudscape-design/components/checkbox';
import FormField from '@cloudscape-design/components/form-field';
import Input from '@cloudscape-design/components/input';
import RadioGroup from '@cloudscape-design/components/radio-group';
import { useState } from 'react';

import { clients } from '../../api/clients';
import { aws } from '../../api/command';
import { m } from '../../messages';
import { useNotices } from '../../parts/feedback';
import { FormDialog } from '../../parts/form';
import { compact, isJson, notJson } from '../../parts/json';
import { TextOrFile } from '../../parts/pem';
import { EXAMPLES, isRole } from './template-data';

interface Settings {
  about: string;
  role: string;
  enabled: boolean;
  hook: string;
}

interface FieldsProps {
  settings: Settings;
  change: (settings: Settings) => void;
  checked: boolean;
  /** Only templates of fleet provisioning have hooks. */
  hooks: boolean;
}

function Fields({ settings, change, checked, hooks }: FieldsProps) {
  const { about, role, enabled, hook } = settings;
  return (
    <>
      <FormField label={m.templates.about} description={m.template.aboutHint}>
        <Input value={about} onChange={({ detail }) => change({ ...settings, about: detail.value.slice(0, 500) })} />
      </FormField>
      <FormField label={m.ca.role} description={m.ca.roleHint} errorText={checked && !isRole(role) ? m.ca.roleBad : undefined}>
        <Input value={role} spellcheck={false} onChange={({ detail }) => change({ ...settings, role: detail.value.trim() })} />
      </FormField>
      {hooks && (
        <FormField label={m.templates.hook} description={m.template.hookHint}>
          <Input value={hook} spellcheck={false} onChange={({ detail }) => change({ ...settings, hook: detail.value.trim() })} />
        </FormField>
      )}
      <Checkbox checked={enabled} onChange={({ detail }) => change({ ...settings, enabled: detail.checked })}>
        {m.template.enabled}
      </Checkbox>
    </>
  );
}

type Kind = keyof typeof EXAMPLES;

export function CreateTemplateDialog({ done, dismiss }: { done: (name: string) => void; dismiss: () => void }) {
  const { notice } = useNotices();
  const [name, setName] = useState('');
  const [kind, setKind] = useState<Kind>('JITP');
  // What is written for one type is not lost by a look at the other.
  const [bodies, setBodies] = useState(EXAMPLES);
  const [settings, setSettings] = useState<Settings>({ about: '', role: '', enabled: true, hook: '' });
  const body = bodies[kind];
  const hook = kind === 'FLEET_PROVISIONING' ? settings.hook : '';
  const badName = !/^[\w-]{1,36}$/.test(name);
  const input = {
    templateName: name,
    type: kind,
    ...(settings.about ? { description: settings.about } : {}),
    enabled: settings.enabled,
    provisioningRoleArn: settings.role,
    ...(hook ? { preProvisioningHook: { targetArn: hook } } : {}),
    templateBody: body,
  };
  const command = aws('iot', 'create-provisioning-template', {
    'template-name': name || 'NAME',
    type: kind,
    description: settings.about,
    enabled: settings.enabled,
    'provisioning-role-arn': settings.role || 'ROLE',
    'pre-provisioning-hook': input.preProvisioningHook,
    'template-body': compact(body),
  });
  return (
    <FormDialog
      large
      title={m.template.create}
      button={m.app.create}
      command={command}
      bad={badName || !isJson(body) || !isRole(settings.role)}
      dismiss={dismiss}
      work={() => clients().iot.send(new CreateProvisioningTemplateCommand(input))}
      done={() => {
        notice('success', m.template.created(name));
        done(name);
      }}
    >
      {(checked) => (
        <>
          <FormField
            label={m.templates.name}
            description={m.template.nameHint}
            errorText={checked && badName ? m.template.nameBad : undefined}
          >
            <Input value={name} spellcheck={false} autoFocus onChange={({ detail }) => setName(detail.value)} />
          </FormField>
          <FormField label={m.template.kind}>
            <RadioGroup
              value={kind}
              onChange={({ detail }) => setKind(detail.value as Kind)}
              items={[
                { value: 'JITP', label: m.template.jitp, description: m.template.jitpText },
                { value: 'FLEET_PROVISIONING', label: m.template.fleet, description: m.template.fleetText },
              ]}
            />
          </FormField>
          <Fields settings={settings} change={setSettings} checked={checked} hooks={kind === 'FLEET_PROVISIONING'} />
          <TextOrFile
            label={m.ca.body}
            rows={14}
            value={body}
            change={(text) => setBodies({ ...bodies, [kind]: text })}
            error={checked ? notJson(body, m.ca.bodyBad) : undefined}
          />
        </>
      )}
    </FormDialog>
  );
}

interface EditProps {
  template: DescribeProvisioningTemplateResponse;
  done: () => void;
  dismiss: () => void;
}

export function EditTemplateDialog({ template, done, dismiss }: EditProps) {
  const { notice } = useNotices();
  const name = template.templateName ?? '';
  const old = template.preProvisioningHook?.targetArn ?? '';
  const [settings, setSettings] = useState<Settings>({
    about: template.description ?? '',
    role: template.provisioningRoleArn ?? '',
    enabled: template.enabled ?? false,
    hook: old,
  });
  const remove = old !== '' && settings.hook === '';
  const hook = settings.hook !== old && settings.hook ? { targetArn: settings.hook } : undefined;
  const input = {
    templateName: name,
    description: settings.about,
    enabled: settings.enabled,
    provisioningRoleArn: settings.role,
    ...(remove ? { removePreProvisioningHook: true } : {}),
    ...(hook ? { preProvisioningHook: hook } : {}),
  };
  const flag = settings.enabled ? '--enabled' : '--no-enabled';
  const command = aws('iot', 'update-provisioning-template', {
    'template-name': name,
    description: settings.about || undefined,
    'provisioning-role-arn': settings.role,
    'pre-provisioning-hook': hook,
    'remove-pre-provisioning-hook': remove,
  });
  return (
    <FormDialog
      title={m.template.edit}
      button={m.template.save}
      command={`${command} ${flag}`}
      bad={!isRole(settings.role)}
      dismiss={dismiss}
      work={() => clients().iot.send(new UpdateProvisioningTemplateCommand(input))}
      done={() => {
        notice('success', m.template.saved(name));
        done();
      }}
    >
      {(checked) => (
        <Fields settings={settings} change={setSettings} checked={checked} hooks={template.type === 'FLEET_PROVISIONING'} />
      )}
    </FormDialog>
  );
}
