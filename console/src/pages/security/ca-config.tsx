/** What is made for a device of a CA on its first connection. */
import type { RegistrationConfig } from '@aws-sdk/client-iot';
import FormField from '@cloudscape-design/components/form-field';
import Input from '@cloudscape-design/components/input';
import RadioGroup from '@cloudscape-design/components/radio-group';
import Select from '@cloudscape-design/components/select';
import SpaceBetween from '@cloudscape-design/components/space-between';

import { useLive } from '../../api/live';
import { m } from '../../messages';
import { Trouble } from '../../parts/feedback';
import { isJson, notJson } from '../../parts/json';
import { TextOrFile } from '../../parts/pem';
import { EXAMPLES, isRole, listTemplates } from './template-data';

export interface Config {
  kind: 'none' | 'named' | 'own';
  name: string;
  body: string;
  role: string;
}

export const START: Config = { kind: 'none', name: '', body: EXAMPLES.JITP, role: '' };

export function isComplete({ kind, name, body, role }: Config): boolean {
  if (kind === 'named') return name !== '';
  return kind === 'none' || (isJson(body) && isRole(role));
}

export function configOf({ kind, name, body, role }: Config): RegistrationConfig | undefined {
  if (kind === 'named') return { templateName: name || 'NAME' };
  return kind === 'own' ? { templateBody: body, roleArn: role || 'ROLE' } : undefined;
}

interface Props {
  chosen: Config;
  change: (chosen: Config) => void;
  checked: boolean;
}

export function ChooseConfig({ chosen, change, checked }: Props) {
  const { kind, body, role } = chosen;
  return (
    <SpaceBetween size="m">
      <FormField label={m.ca.config} stretch>
        <RadioGroup
          value={kind}
          onChange={({ detail }) => change({ ...chosen, kind: detail.value as Config['kind'] })}
          items={[
            { value: 'none', label: m.ca.nothing, description: m.ca.nothingText },
            { value: 'named', label: m.ca.named, description: m.ca.namedText },
            { value: 'own', label: m.ca.own, description: m.ca.ownText },
          ]}
        />
      </FormField>
      {kind === 'named' && <ChooseTemplate chosen={chosen} change={change} checked={checked} />}
      {kind === 'own' && (
        <>
          <TextOrFile
            label={m.ca.body}
            rows={12}
            value={body}
            change={(text) => change({ ...chosen, body: text })}
            error={checked ? notJson(body, m.ca.bodyBad) : undefined}
          />
          <FormField label={m.ca.role} description={m.ca.roleHint} errorText={checked && !isRole(role) ? m.ca.roleBad : undefined}>
            <Input value={role} spellcheck={false} onChange={({ detail }) => change({ ...chosen, role: detail.value.trim() })} />
          </FormField>
        </>
      )}
    </SpaceBetween>
  );
}

function ChooseTemplate({ chosen, change, checked }: Props) {
  const live = useLive('templates to choose', listTemplates, false);
  const options = (live.data ?? [])
    .filter(({ type }) => type === 'JITP')
    .map(({ templateName = '', description }) => ({ value: templateName, label: templateName, ...(description ? { description } : {}) }));
  return (
    <>
      {live.error !== undefined && <Trouble error={live.error} retry={live.refresh} />}
      <FormField label={m.ca.chooseTemplate} errorText={checked && !chosen.name ? m.ca.templateNeeded : undefined}>
        <Select
          selectedOption={options.find(({ value }) => value === chosen.name) ?? null}
          options={options}
          filteringType="auto"
          placeholder={m.ca.chooseTemplate}
          empty={m.ca.noTemplates}
          onChange={({ detail }) => change({ ...chosen, name: detail.selectedOption.value ?? '' })}
        />
      </FormField>
    </>
  );
}
