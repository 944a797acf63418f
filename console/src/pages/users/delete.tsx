/** Deleting a user, and before it what keeps it. */
import {
  DeleteAccessKeyCommand,
  DeleteUserCommand,
  DeleteUserPolicyCommand,
  DetachUserPolicyCommand,
  RemoveUserFromGroupCommand,
} from '@aws-sdk/client-iam';
import Box from '@cloudscape-design/components/box';
import Spinner from '@cloudscape-design/components/spinner';
import { useState } from 'react';

import { aws } from '../../api/command';
import { attachedTo, groupsOf, iam, inlineOf, keysOf } from '../../api/iam';
import { useLive } from '../../api/live';
import { m } from '../../messages';
import { ClearFirst } from '../../parts/clear-first';
import { Trouble, useNotices } from '../../parts/feedback';
import { FormDialog } from '../../parts/form';

/** What is taken away first, with the command and the call that do it. */
interface Step {
  kind: 'keys' | 'policies' | 'groups';
  name: string;
  command: string;
  work: () => Promise<unknown>;
}

async function stepsFor(user: string): Promise<Step[]> {
  const [keys, attached, inline, groups] = await Promise.all([keysOf(user), attachedTo(user), inlineOf(user), groupsOf(user)]);
  const of = { 'user-name': user };
  return [
    ...keys.map(({ AccessKeyId = '' }): Step => ({
      kind: 'keys',
      name: AccessKeyId,
      command: aws('iam', 'delete-access-key', { ...of, 'access-key-id': AccessKeyId }),
      work: () => iam().send(new DeleteAccessKeyCommand({ UserName: user, AccessKeyId })),
    })),
    ...attached.map(({ PolicyName = '', PolicyArn = '' }): Step => ({
      kind: 'policies',
      name: PolicyName,
      command: aws('iam', 'detach-user-policy', { ...of, 'policy-arn': PolicyArn }),
      work: () => iam().send(new DetachUserPolicyCommand({ UserName: user, PolicyArn })),
    })),
    ...inline.map((PolicyName): Step => ({
      kind: 'policies',
      name: PolicyName,
      command: aws('iam', 'delete-user-policy', { ...of, 'policy-name': PolicyName }),
      work: () => iam().send(new DeleteUserPolicyCommand({ UserName: user, PolicyName })),
    })),
    ...groups.map(({ GroupName = '' }): Step => ({
      kind: 'groups',
      name: GroupName,
      command: aws('iam', 'remove-user-from-group', { ...of, 'group-name': GroupName }),
      work: () => iam().send(new RemoveUserFromGroupCommand({ UserName: user, GroupName })),
    })),
  ];
}

export function DeleteUserDialog({ user, done, dismiss }: { user: string; done: () => void; dismiss: () => void }) {
  const { notice } = useNotices();
  const live = useLive(`what keeps user ${user}`, () => stepsFor(user), false);
  const [clear, setClear] = useState(false);
  const steps = live.data ?? [];
  const remove = aws('iam', 'delete-user', { 'user-name': user });
  const named = (kind: Step['kind']) => steps.filter((step) => step.kind === kind).map(({ name }) => ({ key: name, shown: name }));
  const work = async () => {
    if (clear) for (const step of steps) await step.work();
    await iam().send(new DeleteUserCommand({ UserName: user }));
  };
  return (
    <FormDialog
      title={m.users.deleteTitle(user)}
      button={m.app.remove}
      command={[...(clear ? steps.map(({ command }) => command) : []), remove].join('\n')}
      bad={steps.length > 0 && !clear}
      work={work}
      done={() => {
        notice('success', m.users.deletedNow(user));
        done();
      }}
      dismiss={dismiss}
    >
      {(checked) => (
        <>
          <Box variant="p">{m.users.deleteText}</Box>
          {live.error !== undefined && <Trouble error={live.error} retry={live.refresh} />}
          {live.loading && !live.data && <Spinner />}
          {steps.length > 0 && (
            <ClearFirst
              kept={[
                { label: m.users.keys, items: named('keys') },
                { label: m.users.policies, items: named('policies') },
                { label: m.users.groups, items: named('groups') },
              ]}
              text={m.users.clear}
              clear={clear}
              change={setClear}
              checked={checked}
            />
          )}
        </>
      )}
    </FormDialog>
  );
}
