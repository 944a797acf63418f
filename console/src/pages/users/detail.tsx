/** One user: its access keys, what it may do, and its groups. */
import { GetUserCommand, type Group, type User } from '@aws-sdk/client-iam';
import Button from '@cloudscape-design/components/button';
import { useState } from 'react';

import { aws } from '../../api/command';
import { groupsOf, iam } from '../../api/iam';
import { useLive } from '../../api/live';
import { moment } from '../../api/time';
import { m } from '../../messages';
import { DetailPage, Facts, Token } from '../../parts/detail';
import { SameOnCommandLine } from '../../parts/feedback';
import { SectionTable } from '../../parts/section';
import { go } from '../../router';
import { DeleteUserDialog } from './delete';
import { Keys } from './keys';
import { Policies } from './policies';

async function load(UserName: string): Promise<Partial<User>> {
  return (await iam().send(new GetUserCommand({ UserName }))).User ?? {};
}

export default function UserDetail({ name }: { name: string }) {
  const [deleting, setDeleting] = useState(false);
  const live = useLive(`user ${name}`, () => load(name));
  return (
    <DetailPage
      live={live}
      title={name}
      actions={() => <Button onClick={() => setDeleting(true)}>{m.app.remove}</Button>}
      dialogs={() =>
        deleting && <DeleteUserDialog user={name} dismiss={() => setDeleting(false)} done={() => go('#/users')} />
      }
    >
      {(user) => (
        <>
          <Facts
            title={m.users.details}
            command={aws('iam', 'get-user', { 'user-name': name })}
            items={[
              { label: m.users.created, value: moment(user.CreateDate) },
              { label: m.users.path, value: user.Path ?? '–' },
              { label: m.users.id, value: <Token>{user.UserId}</Token> },
              { label: m.users.arn, value: <Token>{user.Arn}</Token> },
            ]}
          />
          <Keys user={name} />
          <Policies user={name} />
          <Groups user={name} />
        </>
      )}
    </DetailPage>
  );
}

function Groups({ user }: { user: string }) {
  const live = useLive(`groups of ${user}`, () => groupsOf(user));
  return (
    <SectionTable<Group>
      title={m.users.groups}
      live={live}
      rows={live.data}
      none={m.users.noGroups}
      footer={<SameOnCommandLine command={aws('iam', 'list-groups-for-user', { 'user-name': user })} />}
      columns={[
        { id: 'name', header: m.users.group, isRowHeader: true, cell: (group) => group.GroupName },
        { id: 'arn', header: m.users.arn, cell: (group) => <Token>{group.Arn}</Token> },
      ]}
    />
  );
}
