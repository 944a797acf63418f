/** Registering a certificate that there is already, whoever issued it. */
import { RegisterCertificateCommand, RegisterCertificateWithoutCACommand, type CertificateStatus } from '@aws-sdk/client-iot';
import Checkbox from '@cloudscape-design/components/checkbox';
import ExpandableSection from '@cloudscape-design/components/expandable-section';
import FormField from '@cloudscape-design/components/form-field';
import Link from '@cloudscape-design/components/link';
import RadioGroup from '@cloudscape-design/components/radio-group';
import { useState } from 'react';

import { clients } from '../../api/clients';
import { aws } from '../../api/command';
import { isNamed, textOf } from '../../api/errors';
import { m } from '../../messages';
import { Said, useNotices } from '../../parts/feedback';
import { FormDialog, useStill } from '../../parts/form';
import { isPem, TextOrFile } from '../../parts/pem';
import { href } from '../../router';
import { attachAll, ChooseAttachments, commandOf, NO_ATTACHMENTS, type Attachments } from './attachments';

interface Choice {
  pem: string;
  /** Whether its CA vouches for it. */
  withCa: boolean;
  ca: string;
  active: boolean;
  attachments: Attachments;
}

/** What the server says of the certificates stands beside them. */
const OF_CERTIFICATES = [
  'CertificateValidationException',
  'CertificateStateException',
  'CertificateConflictException',
  'ResourceAlreadyExistsException',
];

function isOfCertificates(error: unknown): boolean {
  return OF_CERTIFICATES.some((name) => isNamed(error, name));
}

async function register({ pem, withCa, ca, active, attachments }: Choice) {
  const { iot } = clients();
  const status: CertificateStatus = active ? 'ACTIVE' : 'INACTIVE';
  const { certificateArn = '', certificateId = '' } = withCa
    ? await iot.send(new RegisterCertificateCommand({ certificatePem: pem, ...(ca ? { caCertificatePem: ca } : {}), status }))
    : await iot.send(new RegisterCertificateWithoutCACommand({ certificatePem: pem, status }));
  return { id: certificateId, error: await attachAll(certificateArn, attachments) };
}

function registerCommand({ withCa, ca, active }: Choice): string {
  return aws('iot', withCa ? 'register-certificate' : 'register-certificate-without-ca', {
    'certificate-pem': 'file://device.pem',
    'ca-certificate-pem': withCa && ca ? 'file://ca.pem' : undefined,
    status: active ? 'ACTIVE' : 'INACTIVE',
    query: 'certificateArn',
    output: 'text',
  });
}

export function RegisterCertificateDialog({ done, dismiss }: { done: (id: string) => void; dismiss: () => void }) {
  const { notice } = useNotices();
  const [choice, setChoice] = useState<Choice>({ pem: '', withCa: true, ca: '', active: true, attachments: NO_ATTACHMENTS });
  const { pem, withCa, ca } = choice;
  return (
    <FormDialog
      large
      title={m.certificates.register}
      button={m.certificates.registerButton}
      command={commandOf(registerCommand(choice), choice.attachments)}
      bad={!isPem(pem) || (withCa && ca !== '' && !isPem(ca))}
      beside={isOfCertificates}
      work={() => register(choice)}
      done={({ id, error }) => {
        if (error === undefined) notice('success', m.certificates.registered);
        else notice('warning', textOf(error), m.certificates.notAttached);
        done(id);
      }}
      dismiss={dismiss}
    >
      {(checked, error) => <Fields choice={choice} change={setChoice} checked={checked} error={error} />}
    </FormDialog>
  );
}

interface FieldsProps {
  choice: Choice;
  change: (choice: Choice) => void;
  checked: boolean;
  error: unknown;
}

function Fields({ choice, change, checked, error }: FieldsProps) {
  const { pem, withCa, ca, active, attachments } = choice;
  const refused = useStill(error, `${withCa} ${pem} ${ca}`);
  const wrong = checked && !isPem(pem) ? m.ca.pemBad : refused !== undefined && <Refused error={refused} withCa={withCa} />;
  return (
    <>
      <TextOrFile
        label={m.certificates.pem}
        description={m.certificates.pemHint}
        rows={8}
        value={pem}
        change={(text) => change({ ...choice, pem: text })}
        error={wrong}
      />
      <FormField label={m.certificates.issuer} stretch>
        <RadioGroup
          value={withCa ? 'ca' : 'none'}
          onChange={({ detail }) => change({ ...choice, withCa: detail.value === 'ca' })}
          items={[
            { value: 'ca', label: m.certificates.issuerKnown, description: m.certificates.issuerKnownText },
            { value: 'none', label: m.certificates.issuerNone, description: m.certificates.issuerNoneText },
          ]}
        />
      </FormField>
      {withCa && (
        <ExpandableSection headerText={m.certificates.whichCa} headerDescription={m.certificates.whichCaText}>
          <TextOrFile
            label={m.ca.pem}
            value={ca}
            change={(text) => change({ ...choice, ca: text })}
            error={checked && ca !== '' && !isPem(ca) ? m.ca.pemBad : undefined}
          />
        </ExpandableSection>
      )}
      <Checkbox checked={active} onChange={({ detail }) => change({ ...choice, active: detail.checked })}>
        {m.certificates.activate}
      </Checkbox>
      <ChooseAttachments chosen={attachments} change={(chosen) => change({ ...choice, attachments: chosen })} />
    </>
  );
}

/** The server's words, and the way out. */
function Refused({ error, withCa }: { error: unknown; withCa: boolean }) {
  const { resourceId } = error as { resourceId?: string };
  return (
    <>
      <Said>{textOf(error)}</Said>{' '}
      {isNamed(error, 'ResourceAlreadyExistsException') && resourceId && (
        <Link href={href(['certificates', resourceId])}>{m.certificates.openIt}</Link>
      )}
      {withCa && isNamed(error, 'CertificateValidationException') && (
        <Link href={href(['onboarding', 'register'])}>{m.ca.register}</Link>
      )}
      {withCa && isNamed(error, 'CertificateStateException') && <Link href={href(['onboarding'])}>{m.cas.title}</Link>}
    </>
  );
}
