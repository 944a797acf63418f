/** Writing a policy's document: of a new policy, or as a new version. */
import { CreatePolicyCommand, CreatePolicyVersionCommand, DeletePolicyVersionCommand } from '@aws-sdk/client-iot';
import Alert from '@cloudscape-design/components/alert';
import FormField from '@cloudscape-design/components/form-field';
import Input from '@cloudscape-design/components/input';
import Select from '@cloudscape-design/components/select';
import { useState } from 'react';

import { clients } from '../../api/clients';
import { aws } from '../../api/command';
import { isNamed } from '../../api/errors';
import { limits } from '../../api/health';
import { useLive } from '../../api/live';
import { m } from '../../messages';
import { useNotices } from '../../parts/feedback';
import { FormDialog } from '../../parts/form';
import { compact, indented, isJson } from '../../parts/json';
import { Changes, DocumentField, isOfDocument } from '../../parts/policy-document';

/** A device that may do as it likes with what bears its own name. */
const EXAMPLE = {
  Version: '2012-10-17',
  Statement: [
    { Effect: 'Allow', Action: 'iot:Connect', Resource: 'arn:aws:iot:*:*:client/${iot:Connection.Thing.ThingName}' },
    {
      Effect: 'Allow',
      Action: ['iot:Publish', 'iot:Receive'],
      Resource: 'arn:aws:iot:*:*:topic/${iot:Connection.Thing.ThingName}/*',
    },
    {
      Effect: 'Allow',
      Action: 'iot:Subscribe',
      Resource: 'arn:aws:iot:*:*:topicfilter/${iot:Connection.Thing.ThingName}/*',
    },
  ],
};

/** Versions that a policy may have where the server does not tell (AWS's own quota). */
const MOST_VERSIONS = 5;

/** Versions that a policy may have on this server. */
async function mostVersions(): Promise<number> {
  const limit = (await limits()).find(({ name }) => name === 'registry.policy-versions');
  return Number(limit?.value) || MOST_VERSIONS;
}

interface Props {
  done: () => void;
  dismiss: () => void;
}

export function CreatePolicyDialog({ done, dismiss }: Props) {
  const { notice } = useNotices();
  const [name, setName] = useState('');
  const [text, setText] = useState(indented(JSON.stringify(EXAMPLE)));
  const bad = !/^[\w+=,.@-]{1,128}$/.test(name);
  return (
    <FormDialog
      large
      title={m.policies.createTitle}
      button={m.app.create}
      command={aws('iot', 'create-policy', { 'policy-name': name || 'NAME', 'policy-document': compact(text) })}
      bad={bad || !isJson(text)}
      beside={isOfDocument}
      work={() => clients().iot.send(new CreatePolicyCommand({ policyName: name, policyDocument: text }))}
      done={() => {
        notice('success', m.policies.createdNow(name));
        done();
      }}
      dismiss={dismiss}
    >
      {(checked, error) => (
        <>
          <FormField
            label={m.policies.name}
            description={m.policies.nameHint}
            errorText={checked && bad ? m.policies.nameBad : undefined}
          >
            <Input value={name} spellcheck={false} autoFocus onChange={({ detail }) => setName(detail.value)} />
          </FormField>
          <DocumentField text={text} change={setText} checked={checked} error={error} />
        </>
      )}
    </FormDialog>
  );
}

interface EditProps extends Props {
  name: string;
  /** Of the version in use. */
  document: string;
  /** Versions besides the one in use, the newest first. */
  others: string[];
}

/** The document of the version in use, to be saved as the next one. */
export function EditPolicyDialog({ name, document, others, done, dismiss }: EditProps) {
  const { notice } = useNotices();
  const [text, setText] = useState(document);
  const most = useLive('versions of a policy', mostVersions, false);
  // Nothing is said of room before it is known; who may not know the limits is told by the server's refusal.
  const [refused, setRefused] = useState(false);
  const full = others.length > 0 && (refused || (!most.loading && others.length + 1 >= (most.data ?? MOST_VERSIONS)));
  const [gone, setGone] = useState(others.at(-1) ?? '');
  const given = { 'policy-name': name };
  const create = aws('iot', 'create-policy-version', { ...given, 'policy-document': compact(text), 'set-as-default': true });
  const remove = aws('iot', 'delete-policy-version', { ...given, 'policy-version-id': gone });
  const work = async () => {
    const { iot } = clients();
    const input = { policyName: name, policyDocument: text, setAsDefault: true };
    const make = () => iot.send(new CreatePolicyVersionCommand(input));
    // A document that is refused costs no version: one is deleted only once the server says that there are too many.
    const { policyVersionId = '' } = await make().catch(async (error: unknown) => {
      if (!isNamed(error, 'VersionsLimitExceededException')) throw error;
      setRefused(true);
      if (!full) throw error;
      await iot.send(new DeletePolicyVersionCommand({ policyName: name, policyVersionId: gone }));
      return make();
    });
    return policyVersionId;
  };
  return (
    <FormDialog
      large
      title={m.policies.edit}
      button={m.policies.save}
      command={full ? `${remove}\n${create}` : create}
      bad={!isJson(text)}
      beside={isOfDocument}
      work={work}
      done={(version) => {
        notice('success', m.policies.saved(version));
        done();
      }}
      dismiss={dismiss}
    >
      {(checked, error) => (
        <>
          {full && <Oldest others={others} gone={gone} choose={setGone} />}
          <DocumentField text={text} change={setText} checked={checked} error={error} />
          <Changes before={document} after={indented(text)} />
        </>
      )}
    </FormDialog>
  );
}

/** The way out when there is no room for one more version. */
function Oldest({ others, gone, choose }: { others: string[]; gone: string; choose: (version: string) => void }) {
  const options = others.map((id) => ({ value: id, label: m.versions.version(id) }));
  return (
    <Alert type="info" header={m.policies.fullTitle(others.length + 1)}>
      <FormField label={m.policies.fullText}>
        <Select
          selectedOption={options.find(({ value }) => value === gone) ?? null}
          options={options}
          onChange={({ detail }) => choose(detail.selectedOption.value ?? '')}
        />
      </FormField>
    </Alert>
  );
}
