/** Deleting a policy, and before it what keeps it. */
import { DeletePolicyCommand, DeletePolicyVersionCommand, DetachPolicyCommand } from '@aws-sdk/client-iot';
import Box from '@cloudscape-design/components/box';
import { useState } from 'react';

import { clients } from '../../api/clients';
import { aws } from '../../api/command';
import { each } from '../../api/live';
import { m } from '../../messages';
import { ClearFirst } from '../../parts/clear-first';
import { useNotices } from '../../parts/feedback';
import { FormDialog } from '../../parts/form';
import { Target } from './target';

interface Props {
  name: string;
  /** What it is attached to; unknown to who may not list it. */
  targets: string[] | undefined;
  /** Versions besides the one in use. */
  others: string[];
  done: () => void;
  dismiss: () => void;
}

export function DeletePolicyDialog({ name, targets = [], others, done, dismiss }: Props) {
  const { notice } = useNotices();
  const [clear, setClear] = useState(false);
  const kept = targets.length > 0 || others.length > 0;
  const given = { 'policy-name': name };
  const before = [
    ...targets.map((target) => aws('iot', 'detach-policy', { ...given, target })),
    ...others.map((id) => aws('iot', 'delete-policy-version', { ...given, 'policy-version-id': id })),
  ];
  const remove = aws('iot', 'delete-policy', given);
  const work = async () => {
    const { iot } = clients();
    if (clear) {
      await each(targets, 4, (target) => iot.send(new DetachPolicyCommand({ policyName: name, target })));
      await each(others, 4, (id) => iot.send(new DeletePolicyVersionCommand({ policyName: name, policyVersionId: id })));
    }
    await iot.send(new DeletePolicyCommand({ policyName: name }));
  };
  return (
    <FormDialog
      title={m.policies.deleteTitle(name)}
      button={m.app.remove}
      command={(clear ? [...before, remove] : [remove]).join('\n')}
      bad={kept && !clear}
      work={work}
      done={() => {
        notice('success', m.policies.deletedNow(name));
        done();
      }}
      dismiss={dismiss}
    >
      {(checked) => (
        <>
          <Box variant="p">{m.policies.deleteText}</Box>
          {kept && (
            <ClearFirst
              kept={[{ label: m.policies.targets, items: targets.map((arn) => ({ key: arn, shown: <Target arn={arn} /> })) }]}
              text={m.policies.clear(targets.length, others.length)}
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
