/** What a user may do, and by which policy. */
import { AttachUserPolicyCommand, DeleteUserPolicyCommand, DetachUserPolicyCommand } from '@aws-sdk/client-iam';
import Box from '@cloudscape-design/components/box';
import Button from '@cloudscape-design/components/button';
import Header from '@cloudscape-design/components/header';
import Link from '@cloudscape-design/components/link';
import Modal from '@cloudscape-design/components/modal';
import Select from '@cloudscape-design/components/select';
import SpaceBetween from '@cloudscape-design/components/space-between';
import Spinner from '@cloudscape-design/components/spinner';
import Table from '@cloudscape-design/components/table';
import { useState } from 'react';

import { aws } from '../../api/command';
import { iam, listManaged } from '../../api/iam';
import { useLive } from '../../api/live';
import { m } from '../../messages';
import { Confirm } from '../../parts/confirm';
import { SameOnCommandLine, Trouble, useNotices } from '../../parts/feedback';
import { useAct } from '../../parts/form';
import { indented } from '../security/data';
import { documentOf, keyOf, policiesOf, type Held } from './policies-of';

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
  const act = useAct(() => {
    setChosen('');
    live.refresh();
  });
  const there = new Set((live.data ?? []).filter(({ group }) => !group).map(({ arn }) => arn));
  const options = (all.data ?? [])
    .filter(({ Arn }) => !there.has(Arn))
    .map(({ Arn = '', PolicyName = '' }) => ({ value: Arn, label: PolicyName }));
  const picked = options.find(({ value }) => value === chosen);
  const attach = () => {
    const change = new AttachUserPolicyCommand({ UserName: user, PolicyArn: chosen });
    void act(iam().send(change), m.users.attachedNow(picked?.label ?? chosen));
  };
  return (
    <>
      <Table<Held>
        variant="container"
        wrapLines
        loading={live.loading && !live.data}
        loadingText={m.app.loading}
        items={live.data ?? []}
        trackBy={keyOf}
        ariaLabels={{ tableLabel: m.users.policies }}
        empty={live.error ? <Trouble error={live.error} retry={live.refresh} /> : m.users.noPolicies}
        header={
          <Header
            variant="h2"
            actions={
              <SpaceBetween direction="horizontal" size="xs">
                <Select
                  ariaLabel={m.users.choosePolicy}
                  placeholder={m.users.choosePolicy}
                  selectedOption={picked ?? null}
                  options={options}
                  filteringType="auto"
                  expandToViewport
                  onChange={({ detail }) => setChosen(detail.selectedOption.value ?? '')}
                />
                <Button disabled={!chosen} onClick={attach}>
                  {m.users.attach}
                </Button>
              </SpaceBetween>
            }
          >
            {m.users.policies}
          </Header>
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
        columnDefinitions={[
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
      {shown && <Document user={user} held={shown} dismiss={() => setShown(undefined)} />}
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

function Document({ user, held, dismiss }: { user: string; held: Held; dismiss: () => void }) {
  const live = useLive(`document of ${keyOf(held)}`, () => documentOf(user, held), false);
  return (
    <Modal visible size="large" onDismiss={dismiss} header={m.users.document(held.name)}>
      {live.error ? (
        <Trouble error={live.error} retry={live.refresh} />
      ) : live.data === undefined ? (
        <Spinner />
      ) : (
        <pre className="document" tabIndex={0} aria-label={m.users.document(held.name)}>
          {indented(live.data)}
        </pre>
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
