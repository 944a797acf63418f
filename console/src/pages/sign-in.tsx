/** Signing in: with a key, or with the code of a one-time link. */
import { GetCallerIdentityCommand } from '@aws-sdk/client-sts';
import Alert from '@cloudscape-design/components/alert';
import Box from '@cloudscape-design/components/box';
import Button from '@cloudscape-design/components/button';
import Container from '@cloudscape-design/components/container';
import Form from '@cloudscape-design/components/form';
import FormField from '@cloudscape-design/components/form-field';
import Header from '@cloudscape-design/components/header';
import Input from '@cloudscape-design/components/input';
import SpaceBetween from '@cloudscape-design/components/space-between';
import { useEffect, useRef, useState, type FormEvent } from 'react';

import { connect } from '../api/clients';
import { kindOf } from '../api/errors';
import { about, exchange } from '../api/server';
import { isOver, signIn, type Session } from '../api/session';
import { m } from '../messages';
import { Command, Trouble } from '../parts/feedback';
import { replace, type Place } from '../router';

type Key = Pick<Session, 'accessKeyId' | 'secretAccessKey' | 'sessionToken' | 'region' | 'expiresAt'>;

/** Asks the server who that is, and signs in as that. */
async function enter(key: Key): Promise<void> {
  const identity = await connect(key).sts.send(new GetCallerIdentityCommand({}));
  signIn({ ...key, account: identity.Account ?? '', arn: identity.Arn ?? '' });
}

export function SignIn({ place }: { place: Place }) {
  const code = place.path[0] === 'sign-in' ? place.query.get('code') : null;
  const [error, setError] = useState<unknown>();
  const [busy, setBusy] = useState(Boolean(code));
  const used = useRef('');

  useEffect(() => {
    if (!code || used.current === code) return;
    used.current = code;
    // The code leaves the address bar and the history before it is used.
    replace('#/sign-in');
    setBusy(true);
    exchange(code)
      .then(({ credentials, region }) =>
        enter({
          accessKeyId: credentials.AccessKeyId,
          secretAccessKey: credentials.SecretAccessKey,
          sessionToken: credentials.SessionToken,
          region,
          expiresAt: Date.parse(credentials.Expiration),
        }),
      )
      .then(() => replace('#/tunnels'))
      .catch(setError)
      .finally(() => setBusy(false));
  }, [code]);

  return (
    <main className="sign-in">
      <SpaceBetween size="l">
        {!globalThis.isSecureContext && <Alert type="warning">{m.signIn.insecure}</Alert>}
        {error === undefined && isOver() && <Alert type="info">{m.signIn.expired}</Alert>}
        {error !== undefined && <Failure error={error} />}
        <KeyForm busy={busy} failed={setError} home={place.path[0] === 'sign-in'} />
        <Container header={<Header variant="h2">{m.signIn.link}</Header>}>
          <SpaceBetween size="xs">
            <Box variant="p">{m.signIn.linkText}</Box>
            <Command text="adit console --data-dir ./data" label={m.signIn.link} />
          </SpaceBetween>
        </Container>
      </SpaceBetween>
    </main>
  );
}

function Failure({ error }: { error: unknown }) {
  return kindOf(error) === 'signed-out' ? <Alert type="error">{m.signIn.wrong}</Alert> : <Trouble error={error} />;
}

function KeyForm({ busy, failed, home }: { busy: boolean; failed: (error: unknown) => void; home: boolean }) {
  const [id, setId] = useState('');
  const [secret, setSecret] = useState('');
  const [token, setToken] = useState('');
  const [region, setRegion] = useState('');
  const [checked, setChecked] = useState(false);
  const [working, setWorking] = useState(false);
  // The server was not heard yet: who is quicker signs in where it says.
  const [asking, setAsking] = useState(true);

  useEffect(() => {
    about()
      .then(({ region }) => setRegion((typed) => typed || region), failed)
      .finally(() => setAsking(false));
  }, [failed]);

  const submit = (event: FormEvent) => {
    event.preventDefault();
    setChecked(true);
    if (!id.trim() || !secret.trim() || (!region.trim() && !asking)) return;
    setWorking(true);
    failed(undefined);
    const key = { accessKeyId: id.trim(), secretAccessKey: secret.trim(), ...(token.trim() ? { sessionToken: token.trim() } : {}) };
    const where = region.trim() ? Promise.resolve({ region: region.trim() }) : about();
    where
      .then(({ region }) => enter({ ...key, region }))
      .then(() => home && replace('#/tunnels'))
      .catch((error: unknown) => {
        failed(error);
        setWorking(false);
      });
  };
  const missing = (value: string, what: string) => (checked && !value.trim() ? m.signIn.needed(what) : undefined);

  return (
    <form onSubmit={submit}>
      <Form
        actions={
          <Button variant="primary" formAction="submit" loading={working || busy} loadingText={m.signIn.withLink}>
            {m.signIn.button}
          </Button>
        }
      >
        <Container
          header={
            <Header variant="h1" description={m.signIn.intro}>
              {m.signIn.title}
            </Header>
          }
          footer={<Box variant="small">{m.signIn.privacy}</Box>}
        >
          <SpaceBetween size="m">
            <FormField label={m.signIn.accessKeyId} errorText={missing(id, m.signIn.accessKeyId)}>
              <Input value={id} onChange={({ detail }) => setId(detail.value)} autoComplete="username" spellcheck={false} autoFocus />
            </FormField>
            <FormField label={m.signIn.secret} errorText={missing(secret, m.signIn.secret)}>
              <Input
                value={secret}
                onChange={({ detail }) => setSecret(detail.value)}
                type="password"
                autoComplete="current-password"
              />
            </FormField>
            <FormField label={<>{m.signIn.token} <i>– {m.app.optional}</i></>} description={m.signIn.tokenHint}>
              <Input value={token} onChange={({ detail }) => setToken(detail.value)} type="password" autoComplete="off" />
            </FormField>
            <FormField label={m.signIn.region} errorText={asking ? undefined : missing(region, m.signIn.region)}>
              <Input value={region} onChange={({ detail }) => setRegion(detail.value)} spellcheck={false} />
            </FormField>
          </SpaceBetween>
        </Container>
      </Form>
    </form>
  );
}
