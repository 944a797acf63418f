/** Who signs in to the device, and with what. */
import Box from '@cloudscape-design/components/box';
import Button from '@cloudscape-design/components/button';
import FileUpload from '@cloudscape-design/components/file-upload';
import FormField from '@cloudscape-design/components/form-field';
import Input from '@cloudscape-design/components/input';
import RadioGroup from '@cloudscape-design/components/radio-group';
import SpaceBetween from '@cloudscape-design/components/space-between';
import { useState, type FormEvent } from 'react';

import { m } from '../../messages';
import type { Credentials } from '../../ssh/client';
import { KeyError, MAX_FILE, readKey } from '../../ssh/private-key';
import { isOpen, type Tunnel } from '../tunnels/data';

export type Method = 'password' | 'key';

interface Props {
  tunnel: Tunnel;
  needsToken: boolean;
  /** What was tried before; never the secret. */
  before: { user: string; method: Method } | undefined;
  start: (credentials: Credentials) => void;
}

export function LoginForm({ tunnel, needsToken, before, start }: Props) {
  const [user, setUser] = useState(before?.user ?? '');
  const [method, setMethod] = useState<Method>(before?.method ?? 'password');
  const [password, setPassword] = useState('');
  const [files, setFiles] = useState<File[]>([]);
  const [passphrase, setPassphrase] = useState('');
  const [checked, setChecked] = useState(false);
  const [keyError, setKeyError] = useState<KeyError>();
  const [busy, setBusy] = useState(false);
  if (!isOpen(tunnel)) return <Box>{m.ssh.tunnelClosed}</Box>;

  const submit = async (event: FormEvent) => {
    event.preventDefault();
    setChecked(true);
    setKeyError(undefined);
    const name = user.trim();
    if (!name) return;
    if (method === 'password') {
      if (password) start({ user: name, password });
      return;
    }
    const [file] = files;
    if (!file) return;
    setBusy(true);
    try {
      start({ user: name, key: await readKey(await file.slice(0, MAX_FILE).text(), passphrase) });
    } catch (error) {
      setKeyError(error instanceof KeyError ? error : new KeyError(m.ssh.keyUnknown));
    } finally {
      setBusy(false);
    }
  };
  const missing = (bad: boolean, text: string) => (checked && bad ? text : undefined);

  return (
    <form onSubmit={(event) => void submit(event)}>
      <SpaceBetween size="m">
        {needsToken && <Box color="text-status-warning">{m.ssh.needsToken}</Box>}
        <FormField label={m.ssh.user} errorText={missing(!user.trim(), m.ssh.needUser)}>
          <Input value={user} onChange={({ detail }) => setUser(detail.value)} autoComplete="off" spellcheck={false} />
        </FormField>
        <FormField label={m.ssh.method}>
          <RadioGroup
            value={method}
            onChange={({ detail }) => setMethod(detail.value === 'key' ? 'key' : 'password')}
            items={[
              { value: 'password', label: m.ssh.password },
              { value: 'key', label: m.ssh.key },
            ]}
          />
        </FormField>
        {method === 'password' ? (
          <FormField label={m.ssh.password} errorText={missing(!password, m.ssh.needPassword)}>
            <Input value={password} type="password" autoComplete="off" onChange={({ detail }) => setPassword(detail.value)} />
          </FormField>
        ) : (
          <>
            <FormField
              label={m.ssh.keyFile}
              description={m.ssh.keyHint}
              errorText={keyError && !keyError.passphrase ? keyError.message : missing(files.length === 0, m.ssh.needKey)}
            >
              <FileUpload
                value={files}
                onChange={({ detail }) => {
                  setFiles(detail.value);
                  setKeyError(undefined);
                }}
                showFileSize
                i18nStrings={{ uploadButtonText: () => m.ssh.chooseKey }}
              />
            </FormField>
            <FormField
              label={m.ssh.passphrase}
              description={m.ssh.passphraseHint}
              errorText={keyError?.passphrase ? keyError.message : undefined}
            >
              <Input
                value={passphrase}
                type="password"
                autoComplete="off"
                onChange={({ detail }) => setPassphrase(detail.value)}
              />
            </FormField>
          </>
        )}
        <Button variant="primary" formAction="submit" loading={busy}>
          {m.ssh.connect}
        </Button>
      </SpaceBetween>
    </form>
  );
}
