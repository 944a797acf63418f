/** What a new certificate is attached to. */
import { AttachPolicyCommand, AttachThingPrincipalCommand, ListThingsCommand } from '@aws-sdk/client-iot';
import FormField from '@cloudscape-design/components/form-field';
import Select from '@cloudscape-design/components/select';

import { clients } from '../../api/clients';
import { quoted } from '../../api/command';
import { useLive } from '../../api/live';
import { m } from '../../messages';
import { listPolicies } from './data';

/** Things offered; for others there is the page of the certificate. */
const OFFERED = 250;

export interface Attachments {
  thing: string;
  policy: string;
}

export const NO_ATTACHMENTS: Attachments = { thing: '', policy: '' };

/** Attaches it; what went wrong is an answer, because the certificate is there all the same. */
export async function attachAll(principal: string, { thing, policy }: Attachments): Promise<unknown> {
  const { iot } = clients();
  try {
    if (policy) await iot.send(new AttachPolicyCommand({ policyName: policy, target: principal }));
    if (thing) await iot.send(new AttachThingPrincipalCommand({ thingName: thing, principal }));
    return undefined;
  } catch (error) {
    return error;
  }
}

/** The commands that make it and attach it. */
export function commandOf(create: string, { thing, policy }: Attachments): string {
  const lines = [`ARN=$(${create})`];
  if (policy) lines.push(`aws iot attach-policy --policy-name ${quoted(policy)} --target "$ARN"`);
  if (thing) lines.push(`aws iot attach-thing-principal --thing-name ${quoted(thing)} --principal "$ARN"`);
  return lines.join('\n');
}

export async function someThings(): Promise<string[]> {
  const { things = [] } = await clients().iot.send(new ListThingsCommand({ maxResults: OFFERED }));
  return things.map(({ thingName = '' }) => thingName);
}

interface Props {
  chosen: Attachments;
  change: (chosen: Attachments) => void;
}

export function ChooseAttachments({ chosen, change }: Props) {
  const things = useLive('things to attach', someThings, false);
  const policies = useLive('policies to attach', listPolicies, false);
  const names = (policies.data ?? []).map(({ policyName = '' }) => policyName);
  return (
    <>
      <Choose label={m.certificates.attach} names={things.data ?? []} value={chosen.thing} change={(thing) => change({ ...chosen, thing })} />
      <Choose label={m.certificates.attachPolicy} names={names} value={chosen.policy} change={(policy) => change({ ...chosen, policy })} />
    </>
  );
}

interface ChooseProps {
  label: string;
  names: string[];
  value: string;
  change: (value: string) => void;
}

function Choose({ label, names, value, change }: ChooseProps) {
  const none = { value: '', label: m.certificates.none };
  const options = [none, ...names.map((name) => ({ value: name, label: name }))];
  return (
    <FormField label={label}>
      <Select
        selectedOption={options.find((option) => option.value === value) ?? none}
        options={options}
        filteringType="auto"
        onChange={({ detail }) => change(detail.selectedOption.value ?? '')}
      />
    </FormField>
  );
}
