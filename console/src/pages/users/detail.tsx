/** One user: its access keys, what it may do, and its groups. */
import { DeleteUserCommand, GetUserCommand, type Group, type User } from '@aws-sdk/client-iam';
import Box from '@cloudscape-design/components/box';
import Button from '@cloudscape-design/components/button';
import Container from '@cloudscape-design/components/container';
import ContentLayout from '@cloudscape-design/components/content-layout';
import Header from '@cloudscape-design/components/header';
import KeyValuePairs from '@cloudscape-design/components/key-value-pairs';
import SpaceBetween from '@cloudscape-design/components/space-between';
import Spinner from '@cloudscape-design/components/spinner';
import Table from '@cloudscape-design/components/table';
import { useState } from 'react';

import { aws } from '../../api/command';
import { groupsOf, iam } from '../../api/iam';
import { useLive } from '../../api/live';
import { moment } from '../../api/time';
import { m } from '../../messages';
import { Confirm } from '../../parts/confirm';
import { SameOnCommandLine, Trouble, useNotices } from '../../parts/feedback';
import { go } from '../../router';
import { Keys } from './keys';
import { Policies } from './policies';

export default function UserDetail({ name }: { name: string }) {
  const { notice } = useNotices();
  const [deleting, setDeleting] = useState(false);
  const live = useLive(`user ${name}`, async () => (await iam().send(new GetUserCommand({ UserName: name }))).User ?? {});
  if (!live.data) return live.error ? <Trouble error={live.error} retry={live.refresh} /> : <Spinner size="large" />;
  const user: Partial<User> = live.data;
  return (
    <ContentLayout
      header={
        <Header
          variant="h1"
          actions={
            <SpaceBetween direction="horizontal" size="xs">
              <Button iconName="refresh" ariaLabel={m.app.refresh} loading={live.loading} onClick={live.refresh} />
              <Button onClick={() => setDeleting(true)}>{m.app.remove}</Button>
            </SpaceBetween>
          }
        >
          {name}
        </Header>
      }
    >
      <SpaceBetween size="l">
        {live.error !== undefined && <Trouble error={live.error} retry={live.refresh} />}
        <Container
          header={<Header variant="h2">{m.users.details}</Header>}
          footer={<SameOnCommandLine command={aws('iam', 'get-user', { 'user-name': name })} />}
        >
          <KeyValuePairs
            columns={3}
            minColumnWidth={180}
            items={[
              { label: m.users.created, value: moment(user.CreateDate) },
              { label: m.users.path, value: user.Path ?? '–' },
              { label: m.users.id, value: <span className="token">{user.UserId}</span> },
              { label: m.users.arn, value: <span className="token">{user.Arn}</span> },
            ]}
          />
        </Container>
        <Keys user={name} />
        <Policies user={name} />
        <Groups user={name} />
      </SpaceBetween>
      {deleting && (
        <Confirm
          title={m.users.deleteTitle(name)}
          button={m.app.remove}
          command={aws('iam', 'delete-user', { 'user-name': name })}
          work={() => iam().send(new DeleteUserCommand({ UserName: name }))}
          dismiss={() => setDeleting(false)}
          done={() => {
            notice('success', m.users.deletedNow(name));
            go('#/users');
          }}
        >
          <Box variant="p">{m.users.deleteText}</Box>
        </Confirm>
      )}
    </ContentLayout>
  );
}

function Groups({ user }: { user: string }) {
  const live = useLive(`groups of ${user}`, () => groupsOf(user));
  return (
    <Table<Group>
      variant="container"
      wrapLines
      loading={live.loading && !live.data}
      loadingText={m.app.loading}
      items={live.data ?? []}
      ariaLabels={{ tableLabel: m.users.groups }}
      empty={live.error ? <Trouble error={live.error} retry={live.refresh} /> : m.users.noGroups}
      header={<Header variant="h2">{m.users.groups}</Header>}
      footer={<SameOnCommandLine command={aws('iam', 'list-groups-for-user', { 'user-name': user })} />}
      columnDefinitions={[
        { id: 'name', header: m.users.group, isRowHeader: true, cell: (group) => group.GroupName },
        { id: 'arn', header: m.users.arn, cell: (group) => <span className="token">{group.Arn}</span> },
      ]}
    />
  );
}
