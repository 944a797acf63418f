/** Writing a policy's document: of a new policy, or as a new version. */
import { CreatePolicyCommand, CreatePolicyVersionCommand } from '@aws-sdk/client-iot';
import Box from '@cloudscape-design/components/box';
import Button from '@cloudscape-design/components/button';
import FormField from '@cloudscape-design/components/form-field';
import Input from '@cloudscape-design/components/input';
import Modal from '@cloudscape-design/components/modal';
import SpaceBetween from '@cloudscape-design/components/space-between';
import Textarea from '@cloudscape-design/components/textarea';
import { useState } from 'react';

import { clients } from '../../api/clients';
import { aws } from '../../api/command';
import { m } from '../../messages';
import { SameOnCommandLine, Trouble, useNotices } from '../../parts/feedback';
import { indented, isJson } from './data';

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

interface Props {
  done: () => void;
  dismiss: () => void;
}

export function CreatePolicyDialog({ done, dismiss }: Props) {
  const { notice } = useNotices();
  const [name, setName] = useState('');
  const bad = !/^[\w+=,.@-]{1,128}$/.test(name);
  return (
    <Editor
      title={m.policies.createTitle}
      button={m.app.create}
      start={indented(JSON.stringify(EXAMPLE))}
      blocked={bad}
      command={(document) => aws('iot', 'create-policy', { 'policy-name': name || 'NAME', 'policy-document': document })}
      work={async (policyDocument) => {
        await clients().iot.send(new CreatePolicyCommand({ policyName: name, policyDocument }));
        notice('success', m.policies.createdNow(name));
      }}
      done={done}
      dismiss={dismiss}
      before={(checked) => (
        <FormField
          label={m.policies.name}
          description={m.policies.nameHint}
          errorText={checked && bad ? m.policies.nameBad : undefined}
        >
          <Input value={name} spellcheck={false} autoFocus onChange={({ detail }) => setName(detail.value)} />
        </FormField>
      )}
    />
  );
}

/** The document of the version in use, to be saved as the next one. */
export function EditPolicyDialog({ name, document, done, dismiss }: Props & { name: string; document: string }) {
  const { notice } = useNotices();
  return (
    <Editor
      title={m.policies.edit}
      button={m.policies.save}
      start={document}
      blocked={false}
      command={(text) =>
        aws('iot', 'create-policy-version', { 'policy-name': name, 'policy-document': text, 'set-as-default': true })
      }
      work={async (policyDocument) => {
        const made = await clients().iot.send(
          new CreatePolicyVersionCommand({ policyName: name, policyDocument, setAsDefault: true }),
        );
        notice('success', m.policies.saved(made.policyVersionId ?? ''));
      }}
      done={done}
      dismiss={dismiss}
    />
  );
}

interface EditorProps extends Props {
  title: string;
  button: string;
  start: string;
  /** Whether something besides the document is wrong. */
  blocked: boolean;
  command: (document: string) => string;
  work: (document: string) => Promise<void>;
  before?: (checked: boolean) => React.ReactNode;
}

function Editor({ title, button, start, blocked, command, work, before, done, dismiss }: EditorProps) {
  const [text, setText] = useState(start);
  const [checked, setChecked] = useState(false);
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>();
  const good = isJson(text);
  const submit = () => {
    setChecked(true);
    if (blocked || !good) return;
    setBusy(true);
    work(text).then(done, (failure: unknown) => {
      setError(failure);
      setBusy(false);
    });
  };
  return (
    <Modal
      visible
      size="large"
      onDismiss={dismiss}
      header={title}
      footer={
        <Box float="right">
          <SpaceBetween direction="horizontal" size="xs">
            <Button variant="link" onClick={dismiss}>
              {m.app.cancel}
            </Button>
            <Button variant="primary" loading={busy} onClick={submit}>
              {button}
            </Button>
          </SpaceBetween>
        </Box>
      }
    >
      <SpaceBetween size="m">
        {error !== undefined && <Trouble error={error} />}
        {before?.(checked)}
        <FormField label={m.policies.document} errorText={checked && !good ? m.policies.documentBad : undefined} stretch>
          <Textarea value={text} rows={18} spellcheck={false} onChange={({ detail }) => setText(detail.value)} />
        </FormField>
        <SameOnCommandLine command={command(good ? JSON.stringify(JSON.parse(text)) : text)} />
      </SpaceBetween>
    </Modal>
  );
}
