/** Registering a CA: the proof that one holds its key, the certificate, and what becomes of its devices. */
import { GetRegistrationCodeCommand, RegisterCACertificateCommand, type RegistrationConfig } from '@aws-sdk/client-iot';
import Box from '@cloudscape-design/components/box';
import Button from '@cloudscape-design/components/button';
import Checkbox from '@cloudscape-design/components/checkbox';
import Container from '@cloudscape-design/components/container';
import ContentLayout from '@cloudscape-design/components/content-layout';
import FormField from '@cloudscape-design/components/form-field';
import Header from '@cloudscape-design/components/header';
import RadioGroup from '@cloudscape-design/components/radio-group';
import SpaceBetween from '@cloudscape-design/components/space-between';
import { useState, type FormEvent } from 'react';

import { clients } from '../../api/clients';
import { aws, quoted } from '../../api/command';
import { useLive } from '../../api/live';
import { m } from '../../messages';
import { Command, SameOnCommandLine, Trouble, useNotices } from '../../parts/feedback';
import { isPem, TextOrFile } from '../../parts/pem';
import { go, href } from '../../router';
import { ChooseConfig, configOf, isComplete, START, type Config } from './ca-config';

/** Makes a CA's certificate, and the one that proves that its key is there. */
function opensslCommands(code: string): string {
  return [
    'openssl genrsa -out verificationCert.key 2048',
    `openssl req -new -key verificationCert.key -out verificationCert.csr -subj "/CN=${code}"`,
    'openssl x509 -req -in verificationCert.csr -CA deviceRootCA.pem -CAkey deviceRootCA.key -CAcreateserial -out verificationCert.crt -days 500 -sha256',
  ].join('\n');
}

export function aditCommands(config: RegistrationConfig | undefined, active: boolean, auto: boolean, sni: boolean): string {
  const words = ['adit ca register --ca deviceRootCA.pem'];
  if (config?.templateName) words.push(`--template-name ${quoted(config.templateName)}`);
  if (config?.templateBody) words.push(`--template template.json --role-arn ${quoted(config.roleArn ?? '')}`);
  if (!active) words.push('--inactive');
  if (!auto) words.push('--no-auto-registration');
  if (sni) words.push('--sni-only');
  return `adit ca init\n${words.join(' ')}`;
}

export default function RegisterCa() {
  const { notice } = useNotices();
  const [sni, setSni] = useState(false);
  const [pem, setPem] = useState('');
  const [proof, setProof] = useState('');
  const [active, setActive] = useState(true);
  const [auto, setAuto] = useState(true);
  const [chosen, setChosen] = useState<Config>(START);
  const [checked, setChecked] = useState(false);
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>();
  const config = configOf(chosen);
  const bad = !isPem(pem) || (!sni && !isPem(proof)) || !isComplete(chosen);
  const register = (event: FormEvent) => {
    event.preventDefault();
    setChecked(true);
    if (bad) return;
    setBusy(true);
    setError(undefined);
    const input = {
      caCertificate: pem,
      setAsActive: active,
      allowAutoRegistration: auto,
      ...(sni ? { certificateMode: 'SNI_ONLY' as const } : { verificationCertificate: proof }),
      ...(config ? { registrationConfig: config } : {}),
    };
    clients()
      .iot.send(new RegisterCACertificateCommand(input))
      .then(
        ({ certificateId = '' }) => {
          notice('success', m.ca.registered);
          go(href(['onboarding', certificateId]));
        },
        (failure: unknown) => {
          setError(failure);
          setBusy(false);
        },
      );
  };
  const command = aws('iot', 'register-ca-certificate', {
    'ca-certificate': 'file://deviceRootCA.pem',
    'verification-certificate': sni ? undefined : 'file://verificationCert.crt',
    'certificate-mode': sni ? 'SNI_ONLY' : undefined,
    'set-as-active': active,
    'allow-auto-registration': auto,
    'registration-config': config,
  });
  const wrong = (text: string) => (checked && !isPem(text) ? m.ca.pemBad : undefined);
  return (
    <ContentLayout
      header={
        <Header variant="h1" description={m.ca.registerText}>
          {m.ca.register}
        </Header>
      }
    >
      <form onSubmit={register}>
        <SpaceBetween size="l">
          <Container header={<Header variant="h2">{m.ca.pem}</Header>}>
            <SpaceBetween size="m">
              <FormField label={m.ca.mode} stretch>
                <RadioGroup
                  value={sni ? 'sni' : 'default'}
                  onChange={({ detail }) => setSni(detail.value === 'sni')}
                  items={[
                    { value: 'default', label: m.ca.modeDefault, description: m.ca.modeDefaultText },
                    { value: 'sni', label: m.ca.modeSni, description: m.ca.modeSniText },
                  ]}
                />
              </FormField>
              {!sni && <Proof />}
              <Box variant="awsui-key-label">{m.ca.withAdit}</Box>
              <Command text={aditCommands(config, active, auto, sni)} label={m.ca.withAdit} />
              <TextOrFile label={m.ca.pem} description={m.ca.pemHint} value={pem} change={setPem} error={wrong(pem)} />
              {!sni && (
                <TextOrFile label={m.ca.proof} description={m.ca.proofHint} value={proof} change={setProof} error={wrong(proof)} />
              )}
            </SpaceBetween>
          </Container>
          <Container header={<Header variant="h2">{m.ca.settings}</Header>} footer={<SameOnCommandLine command={command} />}>
            <SpaceBetween size="m">
              <Checkbox checked={active} onChange={({ detail }) => setActive(detail.checked)}>
                {m.ca.active}
              </Checkbox>
              <Checkbox checked={auto} onChange={({ detail }) => setAuto(detail.checked)}>
                {m.ca.auto}
              </Checkbox>
              <ChooseConfig chosen={chosen} change={setChosen} checked={checked} />
            </SpaceBetween>
          </Container>
          {error !== undefined && <Trouble error={error} />}
          <Box float="right">
            <SpaceBetween direction="horizontal" size="xs">
              <Button variant="link" formAction="none" href="#/onboarding">
                {m.app.cancel}
              </Button>
              <Button variant="primary" formAction="submit" loading={busy}>
                {m.ca.register}
              </Button>
            </SpaceBetween>
          </Box>
        </SpaceBetween>
      </form>
    </ContentLayout>
  );
}

function Proof() {
  const live = useLive('registration code', () => clients().iot.send(new GetRegistrationCodeCommand({})), false);
  const code = live.data?.registrationCode;
  return (
    <SpaceBetween size="s">
      <FormField label={m.ca.code} description={m.ca.codeText} stretch>
        {live.error ? <Trouble error={live.error} retry={live.refresh} /> : <Command text={code ?? '…'} label={m.ca.code} />}
      </FormField>
      {code && (
        <>
          <Box variant="awsui-key-label">{m.ca.withOpenssl}</Box>
          <Command text={opensslCommands(code)} label={m.ca.withOpenssl} />
        </>
      )}
    </SpaceBetween>
  );
}
