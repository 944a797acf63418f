/** Writing a policy that is part of a user. */
import { PutUserPolicyCommand } from '@aws-sdk/client-iam';
import FormField from '@cloudscape-design/components/form-field';
import Input from '@cloudscape-design/components/input';
import Select from '@cloudscape-design/components/select';
import { useState } from 'react';

import { aws } from '../../api/command';
import { iam } from '../../api/iam';
import { current } from '../../api/session';
import { m } from '../../messages';
import { useNotices } from '../../parts/feedback';
import { FormDialog } from '../../parts/form';
import { compact, indented, isJson } from '../../parts/json';
import { Changes, DocumentField, isOfDocument } from '../../parts/policy-document';
import { examples, type Example } from './examples';

interface Props {
  user: string;
  /** The one that is changed; none for a new one. */
  old?: { name: string; document: string } | undefined;
  done: () => void;
  dismiss: () => void;
}

export function WritePolicyDialog({ user, old, done, dismiss }: Props) {
  const { notice } = useNotices();
  const { region = '', account = '' } = current() ?? {};
  const offered = examples(region, account);
  const textFor = ({ document }: Example) => indented(JSON.stringify(document));
  const [name, setName] = useState(old?.name ?? '');
  const [text, setText] = useState(old?.document ?? offered.map(textFor)[0] ?? '');
  const bad = !/^[\w+=,.@-]{1,128}$/.test(name);
  const options = offered.map(({ id }) => ({ value: id, label: m.users.examples[id] }));
  const start = offered.find((one) => textFor(one) === text)?.id;
  return (
    <FormDialog
      large
      title={old ? m.users.editInline(old.name) : m.users.writeInline}
      button={m.template.save}
      command={aws('iam', 'put-user-policy', { 'user-name': user, 'policy-name': name || 'NAME', 'policy-document': compact(text) })}
      bad={bad || !isJson(text)}
      beside={isOfDocument}
      // The length counts, and spaces with it.
      work={() => iam().send(new PutUserPolicyCommand({ UserName: user, PolicyName: name, PolicyDocument: compact(text) }))}
      done={() => {
        notice('success', m.users.inlineSaved(name));
        done();
      }}
      dismiss={dismiss}
    >
      {(checked, error) => (
        <>
          {!old && (
            <>
              <FormField label={m.policies.name} description={m.policies.nameHint} errorText={checked && bad ? m.policies.nameBad : undefined}>
                <Input value={name} spellcheck={false} autoFocus onChange={({ detail }) => setName(detail.value)} />
              </FormField>
              <FormField label={m.users.example} description={m.users.exampleHint}>
                <Select
                  selectedOption={options.find(({ value }) => value === start) ?? null}
                  options={options}
                  placeholder={m.users.ownText}
                  onChange={({ detail }) => {
                    const chosen = offered.find(({ id }) => id === detail.selectedOption.value);
                    if (chosen) setText(textFor(chosen));
                  }}
                />
              </FormField>
            </>
          )}
          <DocumentField text={text} change={setText} checked={checked} error={error} />
          {old && <Changes before={old.document} after={indented(text)} />}
        </>
      )}
    </FormDialog>
  );
}
