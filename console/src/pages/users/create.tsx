/** Creating a user. */
import { AttachUserPolicyCommand, CreateUserCommand } from '@aws-sdk/client-iam';
import FormField from '@cloudscape-design/components/form-field';
import Input from '@cloudscape-design/components/input';
import Select from '@cloudscape-design/components/select';
import { useState } from 'react';

import { aws } from '../../api/command';
import { textOf } from '../../api/errors';
import { iam, listManaged } from '../../api/iam';
import { useLive } from '../../api/live';
import { m } from '../../messages';
import { Trouble, useNotices } from '../../parts/feedback';
import { FormDialog } from '../../parts/form';

/** Makes it and attaches the policy; the user is there even when that fails. */
async function make(UserName: string, PolicyArn: string): Promise<unknown> {
  await iam().send(new CreateUserCommand({ UserName }));
  if (!PolicyArn) return undefined;
  return iam()
    .send(new AttachUserPolicyCommand({ UserName, PolicyArn }))
    .then(() => undefined, (error: unknown) => error);
}

export function CreateUserDialog({ done, dismiss }: { done: (name: string) => void; dismiss: () => void }) {
  const { notice } = useNotices();
  const [name, setName] = useState('');
  const [grant, setGrant] = useState('');
  const policies = useLive('policies to grant', listManaged, false);
  const none = { value: '', label: m.users.noGrant };
  const options = [
    none,
    ...(policies.data ?? []).map(({ Arn = '', PolicyName = '', Description }) => ({
      value: Arn,
      label: PolicyName,
      ...(Description ? { description: Description } : {}),
    })),
  ];
  const bad = !/^[\w+=,.@-]{1,64}$/.test(name);
  const user = { 'user-name': name || 'NAME' };
  const command = [
    aws('iam', 'create-user', user),
    ...(grant ? [aws('iam', 'attach-user-policy', { ...user, 'policy-arn': grant })] : []),
  ].join('\n');
  return (
    <FormDialog
      title={m.users.create}
      button={m.app.create}
      command={command}
      bad={bad}
      dismiss={dismiss}
      work={() => make(name, grant)}
      done={(error) => {
        if (error === undefined) notice('success', m.users.createdNow(name));
        else notice('warning', m.users.createdWithout(name, textOf(error)));
        done(name);
      }}
    >
      {(checked) => (
        <>
          <FormField
            label={m.users.name}
            description={m.users.nameHint}
            errorText={checked && bad ? m.users.nameBad : undefined}
          >
            <Input value={name} spellcheck={false} autoFocus onChange={({ detail }) => setName(detail.value)} />
          </FormField>
          {policies.error !== undefined && <Trouble error={policies.error} />}
          <FormField label={m.users.grant} description={m.users.grantHint}>
            <Select
              selectedOption={options.find(({ value }) => value === grant) ?? none}
              options={options}
              filteringType="auto"
              onChange={({ detail }) => setGrant(detail.selectedOption.value ?? '')}
            />
          </FormField>
        </>
      )}
    </FormDialog>
  );
}
