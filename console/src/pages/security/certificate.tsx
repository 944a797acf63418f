/** One certificate: its status, and what goes with it. */
import {
  DescribeCertificateCommand,
  UpdateCertificateCommand,
  type CertificateDescription,
  type CertificateStatus as Status,
} from '@aws-sdk/client-iot';
import Box from '@cloudscape-design/components/box';
import Button from '@cloudscape-design/components/button';
import ButtonDropdown from '@cloudscape-design/components/button-dropdown';
import Link from '@cloudscape-design/components/link';
import { useState } from 'react';

import { clients } from '../../api/clients';
import { aws } from '../../api/command';
import { useLive } from '../../api/live';
import { moment } from '../../api/time';
import { m } from '../../messages';
import { Confirm } from '../../parts/confirm';
import { DetailPage, Facts, Token } from '../../parts/detail';
import { EffectivePolicies } from '../../parts/effective';
import { useNotices } from '../../parts/feedback';
import { Download } from '../../parts/once';
import { go, href } from '../../router';
import { Clients, Policies, Refused, Things } from './certificate-parts';
import { CertificateStatus } from './certificates';
import { waysTo } from './data';
import { DeleteCertificateDialog } from './delete-certificate';

const CHANGES = ['ACTIVE', 'INACTIVE', 'REVOKED'] as const;

function wordsOf(to: (typeof CHANGES)[number]): { text: string; action: string; name: string } {
  const { certificates } = m;
  switch (to) {
    case 'ACTIVE':
      return { text: certificates.activeText, action: certificates.toActive, name: certificates.active };
    case 'INACTIVE':
      return { text: certificates.inactiveText, action: certificates.toInactive, name: certificates.inactive };
    case 'REVOKED':
      return { text: certificates.revokedText, action: certificates.toRevoked, name: certificates.revoked };
  }
}

async function load(certificateId: string): Promise<CertificateDescription> {
  const { certificateDescription } = await clients().iot.send(new DescribeCertificateCommand({ certificateId }));
  return certificateDescription ?? {};
}

export default function CertificateDetail({ id }: { id: string }) {
  const live = useLive(`certificate ${id}`, () => load(id));
  const [change, setChange] = useState<(typeof CHANGES)[number]>();
  const [deleting, setDeleting] = useState(false);
  // Counts what was attached and detached here: other policies are effective then.
  const [times, setTimes] = useState(0);
  const changed = () => setTimes(times + 1);
  return (
    <DetailPage
      live={live}
      title={`${id.slice(0, 16)}…`}
      actions={({ status, certificatePem = '' }) => (
        <>
          <Download name={`${id.slice(0, 16)}.pem`} content={certificatePem}>
            {m.ca.downloadPem}
          </Download>
          <Button href={href(['simulator'], { certificate: id })}>{m.policies.simulate}</Button>
          <ButtonDropdown
            items={[
              ...CHANGES.map((to) => ({ id: to, text: wordsOf(to).action, disabled: status === to || status === 'REVOKED' })),
              { id: 'delete', text: m.app.remove },
            ]}
            onItemClick={({ detail }) => {
              if (detail.id === 'delete') setDeleting(true);
              else setChange(CHANGES.find((to) => to === detail.id));
            }}
          >
            {m.app.actions}
          </ButtonDropdown>
        </>
      )}
      dialogs={(certificate) => (
        <>
          {change && (
            <ChangeDialog
              id={id}
              to={change}
              dismiss={() => setChange(undefined)}
              done={() => {
                setChange(undefined);
                live.refresh();
              }}
            />
          )}
          {deleting && (
            <DeleteCertificateDialog certificate={certificate} dismiss={() => setDeleting(false)} done={() => go('#/certificates')} />
          )}
        </>
      )}
    >
      {(certificate) => {
        const arn = certificate.certificateArn ?? '';
        return (
          <>
            <About certificate={certificate} />
            <Policies arn={arn} changed={changed} />
            <Things arn={arn} changed={changed} />
            <Effective arn={arn} times={times} />
            <Clients id={id} />
            <Refused id={id} />
          </>
        );
      }}
    </DetailPage>
  );
}

function Effective({ arn, times }: { arn: string; times: number }) {
  const live = useLive(`effective policies of ${arn} ${times}`, () => waysTo(arn));
  return (
    <EffectivePolicies
      live={live}
      ways={live.data}
      command={aws('iot', 'get-effective-policies', { principal: arn })}
      none={m.certificates.noPolicies}
    />
  );
}

interface ChangeProps {
  id: string;
  to: Status & (typeof CHANGES)[number];
  done: () => void;
  dismiss: () => void;
}

function ChangeDialog({ id, to, done, dismiss }: ChangeProps) {
  const { notice } = useNotices();
  const { text, action, name } = wordsOf(to);
  return (
    <Confirm
      title={m.certificates.changeTitle(action)}
      button={action}
      command={aws('iot', 'update-certificate', { 'certificate-id': id, 'new-status': to })}
      work={() => clients().iot.send(new UpdateCertificateCommand({ certificateId: id, newStatus: to }))}
      dismiss={dismiss}
      done={() => {
        notice('success', m.certificates.changed(name));
        done();
      }}
    >
      <Box variant="p">{text}</Box>
    </Confirm>
  );
}

function About({ certificate }: { certificate: CertificateDescription }) {
  const { validity, certificateId, caCertificateId } = certificate;
  return (
    <Facts
      title={m.certificates.details}
      command={aws('iot', 'describe-certificate', { 'certificate-id': certificateId })}
      items={[
        { label: m.certificates.status, value: <CertificateStatus status={certificate.status} /> },
        { label: m.certificates.created, value: moment(certificate.creationDate) },
        {
          label: m.certificates.valid,
          value: validity ? m.certificates.validity(moment(validity.notBefore), moment(validity.notAfter)) : '–',
        },
        { label: m.certificates.id, value: <Token>{certificateId}</Token> },
        {
          label: m.certificates.subject,
          value: caCertificateId ? (
            <Link href={href(['onboarding', caCertificateId])}>
              <Token>{caCertificateId}</Token>
            </Link>
          ) : (
            '–'
          ),
        },
        { label: m.cas.mode, value: <Token>{certificate.certificateMode ?? '–'}</Token> },
        { label: m.certificates.arn, value: <Token>{certificate.certificateArn}</Token> },
      ]}
    />
  );
}
