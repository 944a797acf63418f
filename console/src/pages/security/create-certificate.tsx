/** A certificate of this server's own CA: with a key that is shown once, or for a key that stays where it is. */
import {
  CreateCertificateFromCsrCommand,
  CreateKeysAndCertificateCommand,
  type CreateKeysAndCertificateResponse,
} from '@aws-sdk/client-iot';
import Box from '@cloudscape-design/components/box';
import Checkbox from '@cloudscape-design/components/checkbox';
import FormField from '@cloudscape-design/components/form-field';
import Link from '@cloudscape-design/components/link';
import RadioGroup from '@cloudscape-design/components/radio-group';
import SpaceBetween from '@cloudscape-design/components/space-between';
import { useState } from 'react';

import { clients } from '../../api/clients';
import { aws } from '../../api/command';
import { isNamed, textOf } from '../../api/errors';
import { m } from '../../messages';
import { Trouble } from '../../parts/feedback';
import { useStill } from '../../parts/form';
import { Download, Labelled, OnceDialog } from '../../parts/once';
import { isPem, TextOrFile } from '../../parts/pem';
import { href } from '../../router';
import { attachAll, ChooseAttachments, commandOf, NO_ATTACHMENTS, type Attachments } from './attachments';

interface Choice {
  from: 'keys' | 'csr';
  csr: string;
  active: boolean;
  attachments: Attachments;
}

interface Made {
  id: string;
  pem: string;
  /** None for a key that stays where it is. */
  privateKey?: string | undefined;
  /** Why it could not be attached. */
  error: unknown;
}

async function make({ from, csr, active, attachments }: Choice): Promise<Made> {
  const { iot } = clients();
  const made: CreateKeysAndCertificateResponse =
    from === 'keys'
      ? await iot.send(new CreateKeysAndCertificateCommand({ setAsActive: active }))
      : await iot.send(new CreateCertificateFromCsrCommand({ certificateSigningRequest: csr, setAsActive: active }));
  const error = await attachAll(made.certificateArn ?? '', attachments);
  return { id: made.certificateId ?? '', pem: made.certificatePem ?? '', privateKey: made.keyPair?.PrivateKey, error };
}

function createCommand({ from, active }: Choice): string {
  const given = from === 'csr' ? { 'certificate-signing-request': 'file://device.csr' } : {};
  return aws('iot', from === 'keys' ? 'create-keys-and-certificate' : 'create-certificate-from-csr', {
    ...given,
    'set-as-active': active,
    'certificate-pem-outfile': 'device.pem',
    'private-key-outfile': from === 'keys' ? 'device.key' : undefined,
    query: 'certificateArn',
    output: 'text',
  });
}

/** A key and a request for it. */
const OPENSSL = 'openssl req -new -newkey rsa:2048 -nodes -keyout device.key -out device.csr -subj /CN=device';

/** What the server says of the request stands beside it. */
function isOfRequest(error: unknown): boolean {
  return isNamed(error, 'InvalidRequestException');
}

export function CreateCertificateDialog({ dismiss }: { dismiss: () => void }) {
  const [choice, setChoice] = useState<Choice>({ from: 'keys', csr: '', active: true, attachments: NO_ATTACHMENTS });
  const keys = choice.from === 'keys';
  return (
    <OnceDialog
      large
      title={m.certificates.createTitle}
      madeTitle={keys ? m.certificates.madeTitle : m.certificates.signedTitle}
      warning={keys ? m.certificates.madeText : undefined}
      button={m.app.create}
      command={commandOf(createCommand(choice), choice.attachments)}
      bad={!keys && !isPem(choice.csr, REQUEST)}
      {...(keys ? {} : { beside: isOfRequest })}
      work={() => make(choice)}
      dismiss={dismiss}
      show={(made) => <Files {...made} />}
    >
      {(checked, error) => <Form choice={choice} change={setChoice} checked={checked} error={error} />}
    </OnceDialog>
  );
}

/** What PEM calls a request, now and before. */
const REQUEST = '(?:NEW )?CERTIFICATE REQUEST';

interface FormProps {
  choice: Choice;
  change: (choice: Choice) => void;
  checked: boolean;
  error: unknown;
}

function Form({ choice, change, checked, error }: FormProps) {
  const { from, csr, active, attachments } = choice;
  const refused = useStill(error, csr);
  const wrong = checked && !isPem(csr, REQUEST) ? m.certificates.csrBad : refused !== undefined && textOf(refused);
  return (
    <>
      <FormField label={m.certificates.key} stretch>
        <RadioGroup
          value={from}
          onChange={({ detail }) => change({ ...choice, from: detail.value === 'csr' ? 'csr' : 'keys' })}
          items={[
            { value: 'keys', label: m.certificates.newKey, description: m.certificates.createText },
            { value: 'csr', label: m.certificates.ownKey, description: m.certificates.ownKeyText },
          ]}
        />
      </FormField>
      {from === 'csr' && (
        <>
          <Labelled label={m.certificates.csrCommand} text={OPENSSL} />
          <TextOrFile
            label={m.certificates.csr}
            description={m.certificates.csrHint}
            value={csr}
            change={(text) => change({ ...choice, csr: text })}
            error={wrong}
          />
        </>
      )}
      <Checkbox checked={active} onChange={({ detail }) => change({ ...choice, active: detail.checked })}>
        {m.certificates.activate}
      </Checkbox>
      <ChooseAttachments chosen={attachments} change={(chosen) => change({ ...choice, attachments: chosen })} />
    </>
  );
}

function Files({ id, pem, privateKey, error }: Made) {
  const name = id.slice(0, 16);
  return (
    <>
      {error !== undefined && <Trouble error={error} />}
      <SpaceBetween direction="horizontal" size="xs">
        <Download name={`${name}.pem`} content={pem}>
          {m.certificates.certificateFile}
        </Download>
        {privateKey !== undefined && (
          <Download name={`${name}.key`} content={privateKey}>
            {m.certificates.keyFile}
          </Download>
        )}
      </SpaceBetween>
      <Box>
        <Link href={href(['certificates', id])}>{id}</Link>
      </Box>
    </>
  );
}
