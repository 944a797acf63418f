/** A certificate with its key, shown once. */
import {
  AttachPolicyCommand,
  AttachThingPrincipalCommand,
  CreateKeysAndCertificateCommand,
  ListThingsCommand,
  type CreateKeysAndCertificateCommandOutput,
} from '@aws-sdk/client-iot';
import Box from '@cloudscape-design/components/box';
import Checkbox from '@cloudscape-design/components/checkbox';
import FormField from '@cloudscape-design/components/form-field';
import Select from '@cloudscape-design/components/select';
import SpaceBetween from '@cloudscape-design/components/space-between';
import { useState } from 'react';

import { clients } from '../../api/clients';
import { aws, quoted } from '../../api/command';
import { useLive } from '../../api/live';
import { m } from '../../messages';
import { Trouble } from '../../parts/feedback';
import { Download, OnceDialog } from '../../parts/once';
import { listPolicies } from './data';

/** Things offered; for others there is the thing's own page and the command line. */
const OFFERED = 250;

interface Choice {
  active: boolean;
  thing: string;
  policy: string;
}

interface Made {
  made: CreateKeysAndCertificateCommandOutput;
  /** Why it could not be attached. */
  error: unknown;
}

/** Makes it and attaches it; the certificate is there even when attaching fails, so its key must be shown. */
async function make({ active, thing, policy }: Choice): Promise<Made> {
  const { iot } = clients();
  const made = await iot.send(new CreateKeysAndCertificateCommand({ setAsActive: active }));
  const arn = made.certificateArn;
  const steps = [
    ...(policy ? [() => iot.send(new AttachPolicyCommand({ policyName: policy, target: arn }))] : []),
    ...(thing ? [() => iot.send(new AttachThingPrincipalCommand({ thingName: thing, principal: arn }))] : []),
  ];
  for (const step of steps) {
    try {
      await step();
    } catch (error) {
      return { made, error };
    }
  }
  return { made, error: undefined };
}

function commandOf({ active, thing, policy }: Choice): string {
  const create = aws('iot', 'create-keys-and-certificate', {
    'set-as-active': active,
    'certificate-pem-outfile': 'device.pem',
    'private-key-outfile': 'device.key',
    query: 'certificateArn',
    output: 'text',
  });
  const lines = [`ARN=$(${create})`];
  if (policy) lines.push(`aws iot attach-policy --policy-name ${quoted(policy)} --target "$ARN"`);
  if (thing) lines.push(`aws iot attach-thing-principal --thing-name ${quoted(thing)} --principal "$ARN"`);
  return lines.join('\n');
}

export function CreateCertificateDialog({ dismiss }: { dismiss: () => void }) {
  const [choice, setChoice] = useState<Choice>({ active: true, thing: '', policy: '' });
  return (
    <OnceDialog
      title={m.certificates.createTitle}
      madeTitle={m.certificates.madeTitle}
      warning={m.certificates.madeText}
      button={m.app.create}
      command={commandOf(choice)}
      bad={false}
      work={() => make(choice)}
      dismiss={dismiss}
      show={(made) => <Files {...made} />}
    >
      {() => <Form choice={choice} change={setChoice} />}
    </OnceDialog>
  );
}

function Form({ choice, change }: { choice: Choice; change: (choice: Choice) => void }) {
  const things = useLive(
    'things to attach',
    async () => (await clients().iot.send(new ListThingsCommand({ maxResults: OFFERED }))).things ?? [],
    false,
  );
  const policies = useLive('policies to attach', listPolicies, false);
  const none = { value: '', label: m.certificates.none };
  const options = (names: (string | undefined)[]) => [none, ...names.map((name) => ({ value: name ?? '', label: name }))];
  const thingOptions = options((things.data ?? []).map((thing) => thing.thingName));
  const policyOptions = options((policies.data ?? []).map((policy) => policy.policyName));
  return (
    <>
      <Box variant="p">{m.certificates.createText}</Box>
      <Checkbox checked={choice.active} onChange={({ detail }) => change({ ...choice, active: detail.checked })}>
        {m.certificates.activate}
      </Checkbox>
      <FormField label={m.certificates.attach}>
        <Select
          selectedOption={thingOptions.find((option) => option.value === choice.thing) ?? none}
          options={thingOptions}
          filteringType="auto"
          onChange={({ detail }) => change({ ...choice, thing: detail.selectedOption.value ?? '' })}
        />
      </FormField>
      <FormField label={m.certificates.attachPolicy}>
        <Select
          selectedOption={policyOptions.find((option) => option.value === choice.policy) ?? none}
          options={policyOptions}
          filteringType="auto"
          onChange={({ detail }) => change({ ...choice, policy: detail.selectedOption.value ?? '' })}
        />
      </FormField>
    </>
  );
}

function Files({ made, error }: Made) {
  const name = made.certificateId?.slice(0, 16) ?? 'device';
  return (
    <>
      {error !== undefined && <Trouble error={error} />}
      <SpaceBetween direction="horizontal" size="xs">
        <Download name={`${name}.pem`} content={made.certificatePem ?? ''}>
          {m.certificates.certificateFile}
        </Download>
        <Download name={`${name}.key`} content={made.keyPair?.PrivateKey ?? ''}>
          {m.certificates.keyFile}
        </Download>
      </SpaceBetween>
      <Box variant="code">{made.certificateId}</Box>
    </>
  );
}
