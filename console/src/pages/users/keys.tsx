/** The access keys of a user. */
import {
  DeleteAccessKeyCommand,
  GetAccessKeyLastUsedCommand,
  UpdateAccessKeyCommand,
  type AccessKeyLastUsed,
  type AccessKeyMetadata,
} from '@aws-sdk/client-iam';
import Box from '@cloudscape-design/components/box';
import Button from '@cloudscape-design/components/button';
import SpaceBetween from '@cloudscape-design/components/space-between';
import { useState } from 'react';

import { aws } from '../../api/command';
import { iam, keysOf } from '../../api/iam';
import { useLive } from '../../api/live';
import { moment } from '../../api/time';
import { m } from '../../messages';
import { Confirm } from '../../parts/confirm';
import { SameOnCommandLine, useNotices } from '../../parts/feedback';
import { useAct } from '../../parts/form';
import { SectionTable } from '../../parts/section';
import { StatusWord, When } from '../../parts/whole';
import { CreateKeyDialog } from './create-key';

type Key = AccessKeyMetadata & { used: AccessKeyLastUsed | undefined };

/** The keys, each with its last use if the reader may know it. */
async function load(user: string): Promise<Key[]> {
  const keys = await keysOf(user);
  return Promise.all(
    keys.map(async (key) => {
      const asked = iam().send(new GetAccessKeyLastUsedCommand({ AccessKeyId: key.AccessKeyId }));
      const used = await asked.then(({ AccessKeyLastUsed }) => AccessKeyLastUsed, () => undefined);
      return { ...key, used };
    }),
  );
}

function lastUse(used: AccessKeyLastUsed | undefined): string {
  if (!used) return '–';
  const { LastUsedDate, ServiceName } = used;
  if (!LastUsedDate) return m.users.never;
  return ServiceName && ServiceName !== 'N/A' ? `${moment(LastUsedDate)}, ${m.users.usedWith(ServiceName)}` : moment(LastUsedDate);
}

interface Asked {
  id: string;
  to: 'deactivate' | 'delete';
}

export function Keys({ user }: { user: string }) {
  const live = useLive(`keys of ${user}`, () => load(user));
  const act = useAct(live.refresh);
  const [creating, setCreating] = useState(false);
  const [asked, setAsked] = useState<Asked>();
  const activate = (id: string) => {
    const change = new UpdateAccessKeyCommand({ UserName: user, AccessKeyId: id, Status: 'Active' });
    void act(iam().send(change), m.users.keyChanged(id, m.users.active));
  };
  return (
    <>
      <SectionTable<Key>
        title={m.users.keys}
        description={m.users.createKeyText}
        live={live}
        rows={live.data}
        trackBy="AccessKeyId"
        none={m.users.noKeys}
        actions={<Button onClick={() => setCreating(true)}>{m.users.createKey}</Button>}
        footer={<SameOnCommandLine command={aws('iam', 'list-access-keys', { 'user-name': user })} />}
        columns={[
          { id: 'id', header: m.users.keyId, isRowHeader: true, cell: ({ AccessKeyId }) => AccessKeyId },
          {
            id: 'status',
            header: m.users.status,
            minWidth: 120,
            cell: ({ Status }) =>
              Status === 'Active' ? (
                <StatusWord type="success">{m.users.active}</StatusWord>
              ) : (
                <StatusWord type="stopped">{m.users.inactive}</StatusWord>
              ),
          },
          { id: 'created', header: m.users.created, minWidth: 160, cell: ({ CreateDate }) => <When at={CreateDate} /> },
          { id: 'used', header: m.users.lastUsed, minWidth: 160, cell: ({ used }) => lastUse(used) },
          {
            id: 'actions',
            header: m.app.actions,
            minWidth: 260,
            cell: ({ AccessKeyId: id = '', Status }) => (
              <SpaceBetween direction="horizontal" size="xs">
                {Status === 'Active' ? (
                  <Button onClick={() => setAsked({ id, to: 'deactivate' })} ariaLabel={m.users.deactivateKey(id)}>
                    {m.users.deactivate}
                  </Button>
                ) : (
                  <Button onClick={() => activate(id)} ariaLabel={m.users.activateKey(id)}>
                    {m.users.activate}
                  </Button>
                )}
                <Button onClick={() => setAsked({ id, to: 'delete' })} ariaLabel={m.users.deleteKey(id)}>
                  {m.app.remove}
                </Button>
              </SpaceBetween>
            ),
          },
        ]}
      />
      {creating && (
        <CreateKeyDialog
          user={user}
          dismiss={() => {
            setCreating(false);
            live.refresh();
          }}
        />
      )}
      {asked && (
        <Question
          user={user}
          asked={asked}
          dismiss={() => setAsked(undefined)}
          done={() => {
            setAsked(undefined);
            live.refresh();
          }}
        />
      )}
    </>
  );
}

interface QuestionProps {
  user: string;
  asked: Asked;
  dismiss: () => void;
  done: () => void;
}

function Question({ user, asked: { id, to }, dismiss, done }: QuestionProps) {
  const { notice } = useNotices();
  const key = { 'user-name': user, 'access-key-id': id };
  const which = { UserName: user, AccessKeyId: id };
  const remove = to === 'delete';
  return (
    <Confirm
      title={remove ? m.users.deleteKeyTitle(id) : m.users.deactivateTitle(id)}
      button={remove ? m.app.remove : m.users.deactivate}
      command={remove ? aws('iam', 'delete-access-key', key) : aws('iam', 'update-access-key', { ...key, status: 'Inactive' })}
      work={() =>
        remove
          ? iam().send(new DeleteAccessKeyCommand(which))
          : iam().send(new UpdateAccessKeyCommand({ ...which, Status: 'Inactive' }))
      }
      dismiss={dismiss}
      done={() => {
        notice('success', remove ? m.users.keyGone(id) : m.users.keyChanged(id, m.users.inactive));
        done();
      }}
    >
      <Box variant="p">{remove ? m.users.deleteKeyText : m.users.deactivateText}</Box>
    </Confirm>
  );
}
