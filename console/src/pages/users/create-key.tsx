/** An access key with its secret, shown once. */
import { CreateAccessKeyCommand, type AccessKey } from '@aws-sdk/client-iam';
import Box from '@cloudscape-design/components/box';
import Button from '@cloudscape-design/components/button';
import SpaceBetween from '@cloudscape-design/components/space-between';

import { aws, quoted } from '../../api/command';
import { iam } from '../../api/iam';
import { useLive } from '../../api/live';
import { about } from '../../api/server';
import { current } from '../../api/session';
import { m } from '../../messages';
import { Command } from '../../parts/feedback';
import { Download, Labelled, OnceDialog } from '../../parts/once';

/** The file as AWS's console writes it. */
export function csvOf(user: string, { AccessKeyId, SecretAccessKey }: Partial<AccessKey>): string {
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
  return (
    <OnceDialog
      title={m.users.createKey}
      madeTitle={m.users.madeTitle}
      warning={m.users.madeText}
      button={m.app.create}
      command={aws('iam', 'create-access-key', { 'user-name': user })}
      bad={false}
      work={async () => (await iam().send(new CreateAccessKeyCommand({ UserName: user }))).AccessKey ?? {}}
      dismiss={dismiss}
      show={(made) => <Made user={user} made={made} />}
    >
      {() => <Box variant="p">{m.users.createKeyText}</Box>}
    </OnceDialog>
  );
}

function Made({ user, made }: { user: string; made: Partial<AccessKey> }) {
  const { data } = useLive('about', about, false);
  const region = current()?.region ?? data?.region ?? '';
  const file = `${user}_accessKeys.csv`;
  const commands = (csv?: string) => commandsOf(user, csv, region, location.origin, data?.ownCa ?? false);
  return (
    <>
      <Labelled label={m.users.keyId} text={made.AccessKeyId ?? ''} />
      <Labelled label={m.users.secret} text={made.SecretAccessKey ?? ''} />
      <SpaceBetween direction="horizontal" size="xs">
        <Download name={file} content={csvOf(user, made)} type="text/csv">
          {m.users.download}
        </Download>
        {data?.ownCa && (
          <Button iconName="download" href="/console/ca.pem" download="ca.pem">
            {m.settings.caDownload}
          </Button>
        )}
      </SpaceBetween>
      <Labelled label={m.users.commands} hint={m.users.commandsText} text={commands(file)} />
      <div>
        <Box color="text-body-secondary">{m.users.ask}</Box>
        <Command text={commands()} label={m.users.ask} />
      </div>
    </>
  );
}
