/** An access key with its secret, shown once. */
import { CreateAccessKeyCommand, type AccessKey } from '@aws-sdk/client-iam';
import Alert from '@cloudscape-design/components/alert';
import Box from '@cloudscape-design/components/box';
import Button from '@cloudscape-design/components/button';
import Modal from '@cloudscape-design/components/modal';
import SpaceBetween from '@cloudscape-design/components/space-between';
import { useState } from 'react';

import { aws, quoted } from '../../api/command';
import { iam } from '../../api/iam';
import { useLive } from '../../api/live';
import { about } from '../../api/server';
import { current } from '../../api/session';
import { m } from '../../messages';
import { Command, SameOnCommandLine, save, Trouble } from '../../parts/feedback';

/** The file as AWS's console writes it. */
export function csvOf(user: string, { AccessKeyId, SecretAccessKey }: AccessKey): string {
  return `User Name,Access key ID,Secret access key\r\n${user},${AccessKeyId},${SecretAccessKey}\r\n`;
}

/**
 * The lines that make a profile of the user's name. The secret is in none of them, and on no command line: it goes from the
 * file to what `aws configure` asks for.
 */
export function commandsOf(user: string, file: string | undefined, region: string, origin: string, ownCa: boolean): string {
  const profile = `--profile ${quoted(user)}`;
  const answers = String.raw`{ IFS=, read -r _ ID SECRET; printf '%s\n%s\n${region}\n\n' "$ID" "$SECRET"; }`;
  return [
    file ? `tail -n 1 ${quoted(file)} | tr -d '\\r' | ${answers} | aws configure ${profile} > /dev/null` : `aws configure ${profile}`,
    `aws configure set endpoint_url ${origin} ${profile}`,
    ...(ownCa ? [`aws configure set ca_bundle "$PWD/ca.pem" ${profile}`] : []),
    `aws sts get-caller-identity ${profile}`,
  ].join('\n');
}

export function CreateKeyDialog({ user, dismiss }: { user: string; dismiss: () => void }) {
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>();
  const [made, setMade] = useState<AccessKey>();
  const start = () => {
    setBusy(true);
    setError(undefined);
    iam()
      .send(new CreateAccessKeyCommand({ UserName: user }))
      .then(({ AccessKey }) => setMade(AccessKey), setError)
      .finally(() => setBusy(false));
  };
  return (
    <Modal
      visible
      size={made ? 'large' : 'medium'}
      // The secret is lost once the dialog is gone: only Done closes it then.
      onDismiss={() => {
        if (!made) dismiss();
      }}
      header={made ? m.users.madeTitle : m.users.createKey}
      footer={
        <Box float="right">
          <SpaceBetween direction="horizontal" size="xs">
            {made ? (
              <Button variant="primary" onClick={dismiss}>
                {m.app.done}
              </Button>
            ) : (
              <>
                <Button variant="link" onClick={dismiss}>
                  {m.app.cancel}
                </Button>
                <Button variant="primary" loading={busy} onClick={start}>
                  {m.app.create}
                </Button>
              </>
            )}
          </SpaceBetween>
        </Box>
      }
    >
      <SpaceBetween size="m">
        {error !== undefined && <Trouble error={error} />}
        {made ? (
          <Made user={user} made={made} />
        ) : (
          <>
            <Box variant="p">{m.users.createKeyText}</Box>
            <SameOnCommandLine command={aws('iam', 'create-access-key', { 'user-name': user })} />
          </>
        )}
      </SpaceBetween>
    </Modal>
  );
}

function Made({ user, made }: { user: string; made: AccessKey }) {
  const { data } = useLive('about', about, false);
  const region = current()?.region ?? data?.region ?? '';
  const file = `${user}_accessKeys.csv`;
  const commands = (csv?: string) => commandsOf(user, csv, region, location.origin, data?.ownCa ?? false);
  return (
    <div className="fields">
      <Alert type="warning">{m.users.madeText}</Alert>
      <div>
        <Box variant="awsui-key-label">{m.users.keyId}</Box>
        <Command text={made.AccessKeyId ?? ''} label={m.users.keyId} />
      </div>
      <div>
        <Box variant="awsui-key-label">{m.users.secret}</Box>
        <Command text={made.SecretAccessKey ?? ''} label={m.users.secret} />
      </div>
      <SpaceBetween direction="horizontal" size="xs">
        <Button iconName="download" onClick={() => save(file, csvOf(user, made), 'text/csv')}>
          {m.users.download}
        </Button>
        {data?.ownCa && (
          <Button iconName="download" href="/console/ca.pem" download="ca.pem">
            {m.settings.caDownload}
          </Button>
        )}
      </SpaceBetween>
      <div>
        <Box variant="awsui-key-label">{m.users.commands}</Box>
        <Box color="text-body-secondary">{m.users.commandsText}</Box>
        <Command text={commands(file)} label={m.users.commands} />
      </div>
      <div>
        <Box color="text-body-secondary">{m.users.ask}</Box>
        <Command text={commands()} label={m.users.ask} />
      </div>
    </div>
  );
}
