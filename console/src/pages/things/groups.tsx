/** The groups of a thing. */
import { ListThingGroupsForThingCommand, RemoveThingFromThingGroupCommand, type GroupNameAndArn } from '@aws-sdk/client-iot';
import Box from '@cloudscape-design/components/box';
import Button from '@cloudscape-design/components/button';
import { useState } from 'react';

import { clients } from '../../api/clients';
import { aws } from '../../api/command';
import { useLive } from '../../api/live';
import { m } from '../../messages';
import { Confirm } from '../../parts/confirm';
import { Token } from '../../parts/detail';
import { SameOnCommandLine, useNotices } from '../../parts/feedback';
import { FormDialog } from '../../parts/form';
import { SectionTable } from '../../parts/section';
import { listGroups } from './data';
import { commandOf, isName, joining, run } from './draft';
import { NameField } from './fields';

/** AWS's own bound of groups a thing can be in is 10. */
const MOST = 100;

export function Groups({ name }: { name: string }) {
  const { notice } = useNotices();
  const live = useLive(`groups of ${name}`, async () => {
    const { thingGroups } = await clients().iot.send(new ListThingGroupsForThingCommand({ thingName: name, maxResults: MOST }));
    return thingGroups ?? [];
  });
  const [adding, setAdding] = useState(false);
  const [leaving, setLeaving] = useState<string>();
  const done = (text: string) => {
    setAdding(false);
    setLeaving(undefined);
    notice('success', text);
    live.refresh();
  };
  return (
    <>
      <SectionTable<GroupNameAndArn>
        title={m.things.groups}
        actions={<Button onClick={() => setAdding(true)}>{m.things.addToGroup}</Button>}
        live={live}
        rows={live.data}
        trackBy="groupName"
        none={m.things.groupsNone}
        footer={<SameOnCommandLine command={aws('iot', 'list-thing-groups-for-thing', { 'thing-name': name })} />}
        columns={[
          { id: 'name', header: m.things.groupName, isRowHeader: true, cell: (group) => group.groupName },
          { id: 'arn', header: m.things.arn, cell: (group) => <Token>{group.groupArn}</Token> },
          {
            id: 'actions',
            header: m.app.actions,
            cell: ({ groupName = '' }) => (
              <Button iconName="close" variant="icon" ariaLabel={m.things.leaveGroup(groupName)} onClick={() => setLeaving(groupName)} />
            ),
          },
        ]}
      />
      {adding && <AddDialog thing={name} done={(group) => done(m.things.addedToGroup(group))} dismiss={() => setAdding(false)} />}
      {leaving && (
        <Confirm
          title={m.things.leaveGroup(leaving)}
          button={m.things.leave}
          command={aws('iot', 'remove-thing-from-thing-group', { 'thing-name': name, 'thing-group-name': leaving })}
          work={() => clients().iot.send(new RemoveThingFromThingGroupCommand({ thingName: name, thingGroupName: leaving }))}
          done={() => done(m.things.leftGroup(leaving))}
          dismiss={() => setLeaving(undefined)}
        >
          <Box variant="p">{m.things.leaveGroupText}</Box>
        </Confirm>
      )}
    </>
  );
}

function AddDialog({ thing, done, dismiss }: { thing: string; done: (group: string) => void; dismiss: () => void }) {
  const [group, setGroup] = useState('');
  const groups = useLive('thing groups', listGroups, false);
  const name = group.trim();
  const bad = !isName(name);
  const steps = joining(thing, name, groups.data);
  return (
    <FormDialog
      title={m.things.addToGroupTitle(thing)}
      button={m.things.addToGroup}
      command={commandOf(steps)}
      bad={bad}
      work={() => run(steps)}
      done={() => done(name)}
      dismiss={dismiss}
    >
      {(checked) => (
        <NameField
          label={m.things.groupName}
          hint={m.things.groupHint}
          value={group}
          change={setGroup}
          error={checked && bad ? m.things.nameBad : undefined}
          names={groups}
        />
      )}
    </FormDialog>
  );
}
