/** What a user may do, and by which policy. */
import { AttachUserPolicyCommand, DeleteUserPolicyCommand, DetachUserPolicyCommand } from '@aws-sdk/client-iam';
import Box from '@cloudscape-design/components/box';
import Button from '@cloudscape-design/components/button';
import Link from '@cloudscape-design/components/link';
import Modal from '@cloudscape-design/components/modal';
import SpaceBetween from '@cloudscape-design/components/space-between';
import Spinner from '@cloudscape-design/components/spinner';
import { useState } from 'react';

import { aws } from '../../api/command';
import { iam, listManaged } from '../../api/iam';
import { useLive } from '../../api/live';
import { m } from '../../messages';
import { Confirm } from '../../parts/confirm';
import { Document } from '../../parts/detail';
import { SameOnCommandLine, Trouble, useNotices } from '../../parts/feedback';
import { useAct } from '../../parts/form';
import { indented } from '../../parts/json';
import { Picker, SectionTable } from '../../parts/section';
import { documentOf, keyOf, policiesOf, type Held } from './policies-of';
import { WritePolicyDialog } from './write-policy';

function how({ arn, group }: Held): string {
  if (group) return m.users.through(group);
  return arn ? m.users.attached : m.users.inline;
}

export function Policies({ user }: { user: string }) {
  const live = useLive(`policies of user ${user}`, () => policiesOf(user));
  const all = useLive('policies to attach to users', listManaged, false);
  const [chosen, setChosen] = useState('');
  const [shown, setShown] = useState<Held>();
  const [removing, setRemoving] = useState<Held>();
  const [writing, setWriting] = useState<{ old?: { name: string; document: string } }>();
  const act = useAct(live.refresh);
  const there = new Set((live.data ?? []).filter(({ group }) => !group).map(({ arn }) => arn));
  const options = (all.data ?? [])
    .filter(({ Arn }) => !there.has(Arn))
    .map(({ Arn = '', PolicyName = '' }) => ({ value: Arn, label: PolicyName }));
  const attach = (arn: string) => {
    const name = options.find(({ value }) => value === arn)?.label ?? arn;
    void act(iam().send(new AttachUserPolicyCommand({ UserName: user, PolicyArn: arn })), m.users.attachedNow(name));
  };
  return (
    <>
      <SectionTable<Held>
        title={m.users.policies}
        live={live}
        rows={live.data}
        trackBy={keyOf}
        none={m.users.noPolicies}
        actions={
          <SpaceBetween direction="horizontal" size="xs">
            <Picker label={m.users.choosePolicy} button={m.users.attach} options={options} pick={attach} chosen={setChosen} />
            <Button onClick={() => setWriting({})}>{m.users.writeInline}</Button>
          </SpaceBetween>
        }
        footer={
          <SameOnCommandLine
            command={
              chosen
                ? aws('iam', 'attach-user-policy', { 'user-name': user, 'policy-arn': chosen })
                : aws('iam', 'list-attached-user-policies', { 'user-name': user })
            }
          />
        }
        columns={[
          {
            id: 'name',
            header: m.users.policy,
            isRowHeader: true,
            cell: (held) => (
              <Link onFollow={() => setShown(held)} ariaLabel={m.users.show(held.name)}>
                {held.name}
              </Link>
            ),
          },
          { id: 'how', header: m.users.how, cell: how },
          {
            id: 'actions',
            header: m.app.actions,
            cell: (held) =>
              held.group ? (
                '–'
              ) : (
                <Button
                  iconName="close"
                  variant="icon"
                  ariaLabel={held.arn ? m.users.detach(held.name) : m.users.removeInline(held.name)}
                  onClick={() => setRemoving(held)}
                />
              ),
          },
        ]}
      />
      {shown && (
        <ShowPolicy
          user={user}
          held={shown}
          dismiss={() => setShown(undefined)}
          edit={(document) => {
            setShown(undefined);
            setWriting({ old: { name: shown.name, document } });
          }}
        />
      )}
      {writing && (
        <WritePolicyDialog
          user={user}
          old={writing.old}
          dismiss={() => setWriting(undefined)}
          done={() => {
            setWriting(undefined);
            live.refresh();
          }}
        />
      )}
      {removing && (
        <Remove
          user={user}
          held={removing}
          dismiss={() => setRemoving(undefined)}
          done={() => {
            setRemoving(undefined);
            live.refresh();
          }}
        />
      )}
    </>
  );
}

interface ShowProps {
  user: string;
  held: Held;
  /** Changes one that is part of the user. */
  edit: (document: string) => void;
  dismiss: () => void;
}

function ShowPolicy({ user, held, edit, dismiss }: ShowProps) {
  const live = useLive(`document of ${keyOf(held)}`, () => documentOf(user, held), false);
  const document = indented(live.data);
  const own = !held.arn && !held.group;
  return (
    <Modal
      visible
      size="large"
      onDismiss={dismiss}
      header={m.users.document(held.name)}
      footer={
        own &&
        live.data !== undefined && (
          <Box float="right">
            <Button onClick={() => edit(document)}>{m.users.edit}</Button>
          </Box>
        )
      }
    >
      {live.error ? (
        <Trouble error={live.error} retry={live.refresh} />
      ) : live.data === undefined ? (
        <Spinner />
      ) : (
        <Document text={document} label={m.users.document(held.name)} />
      )}
    </Modal>
  );
}

interface RemoveProps {
  user: string;
  held: Held;
  done: () => void;
  dismiss: () => void;
}

function Remove({ user, held: { name, arn }, done, dismiss }: RemoveProps) {
  const { notice } = useNotices();
  const action = arn ? m.users.detach(name) : m.users.removeInline(name);
  const of = { 'user-name': user };
  return (
    <Confirm
      title={m.users.removeTitle(action)}
      button={action}
      command={
        arn ? aws('iam', 'detach-user-policy', { ...of, 'policy-arn': arn }) : aws('iam', 'delete-user-policy', { ...of, 'policy-name': name })
      }
      work={() =>
        arn
          ? iam().send(new DetachUserPolicyCommand({ UserName: user, PolicyArn: arn }))
          : iam().send(new DeleteUserPolicyCommand({ UserName: user, PolicyName: name }))
      }
      dismiss={dismiss}
      done={() => {
        notice('success', arn ? m.users.detachedNow(name) : m.users.inlineGone(name));
        done();
      }}
    >
      <Box variant="p">{m.users.removeText(user)}</Box>
    </Confirm>
  );
}
