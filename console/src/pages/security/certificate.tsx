/** One certificate: its status, its policies and its things. */
import {
  AttachPolicyCommand,
  DeleteCertificateCommand,
  DescribeCertificateCommand,
  DetachPolicyCommand,
  ListAttachedPoliciesCommand,
  ListPrincipalThingsCommand,
  UpdateCertificateCommand,
  type CertificateDescription,
  type CertificateStatus as Status,
  type Policy,
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
import { useNotices } from '../../parts/feedback';
import { useAct } from '../../parts/form';
import { Picker, SectionTable } from '../../parts/section';
import { go, href } from '../../router';
import { CertificateStatus } from './certificates';
import { listPolicies } from './data';

const CHANGES: Record<string, { text: string; action: string; name: string }> = {
  ACTIVE: { text: m.certificates.activeText, action: m.certificates.toActive, name: m.certificates.active },
  INACTIVE: { text: m.certificates.inactiveText, action: m.certificates.toInactive, name: m.certificates.inactive },
  REVOKED: { text: m.certificates.revokedText, action: m.certificates.toRevoked, name: m.certificates.revoked },
};

async function load(certificateId: string): Promise<CertificateDescription> {
  const { certificateDescription } = await clients().iot.send(new DescribeCertificateCommand({ certificateId }));
  return certificateDescription ?? {};
}

export default function CertificateDetail({ id }: { id: string }) {
  const live = useLive(`certificate ${id}`, () => load(id));
  const { notice } = useNotices();
  const [change, setChange] = useState<Status>();
  const [deleting, setDeleting] = useState(false);
  const asked = change ? CHANGES[change] : undefined;
  return (
    <DetailPage
      live={live}
      title={`${id.slice(0, 16)}…`}
      actions={({ status }) => (
        <ButtonDropdown
          items={[
            ...Object.entries(CHANGES).map(([to, { action }]) => ({
              id: to,
              text: action,
              disabled: status === to || status === 'REVOKED',
            })),
            { id: 'delete', text: m.app.remove },
          ]}
          onItemClick={({ detail }) => {
            if (detail.id === 'delete') setDeleting(true);
            else setChange(detail.id as Status);
          }}
        >
          {m.app.actions}
        </ButtonDropdown>
      )}
      dialogs={() => (
        <>
          {change && asked && (
            <Confirm
              title={m.certificates.changeTitle(asked.action)}
              button={asked.action}
              command={aws('iot', 'update-certificate', { 'certificate-id': id, 'new-status': change })}
              work={() => clients().iot.send(new UpdateCertificateCommand({ certificateId: id, newStatus: change }))}
              dismiss={() => setChange(undefined)}
              done={() => {
                setChange(undefined);
                notice('success', m.certificates.changed(asked.name));
                live.refresh();
              }}
            >
              <Box variant="p">{asked.text}</Box>
            </Confirm>
          )}
          {deleting && (
            <Confirm
              title={m.certificates.deleteTitle}
              button={m.app.remove}
              command={aws('iot', 'delete-certificate', { 'certificate-id': id })}
              work={() => clients().iot.send(new DeleteCertificateCommand({ certificateId: id }))}
              dismiss={() => setDeleting(false)}
              done={() => {
                notice('success', m.certificates.deletedNow);
                go('#/certificates');
              }}
            >
              <Box variant="p">{m.certificates.deleteText}</Box>
            </Confirm>
          )}
        </>
      )}
    >
      {(certificate) => (
        <>
          <About certificate={certificate} />
          <Policies arn={certificate.certificateArn ?? ''} />
          <Things arn={certificate.certificateArn ?? ''} />
        </>
      )}
    </DetailPage>
  );
}

function About({ certificate }: { certificate: CertificateDescription }) {
  const { validity, certificateId } = certificate;
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
        { label: m.certificates.subject, value: <Token>{certificate.caCertificateId ?? '–'}</Token> },
        { label: m.certificates.arn, value: <Token>{certificate.certificateArn}</Token> },
      ]}
    />
  );
}

function Policies({ arn }: { arn: string }) {
  const live = useLive(
    `policies of ${arn}`,
    async () => (await clients().iot.send(new ListAttachedPoliciesCommand({ target: arn, pageSize: 250 }))).policies ?? [],
  );
  const all = useLive('policies', listPolicies, false);
  const act = useAct(live.refresh);
  const there = new Set((live.data ?? []).map((policy) => policy.policyName));
  const options = (all.data ?? [])
    .filter((policy) => !there.has(policy.policyName))
    .map(({ policyName = '' }) => ({ value: policyName, label: policyName }));
  const attach = (policyName: string) =>
    void act(clients().iot.send(new AttachPolicyCommand({ policyName, target: arn })), m.certificates.attached(policyName));
  const detach = (policyName: string) =>
    void act(clients().iot.send(new DetachPolicyCommand({ policyName, target: arn })), m.certificates.detached(policyName));
  return (
    <SectionTable<Policy>
      title={m.certificates.policies}
      live={live}
      rows={live.data}
      none={m.certificates.noPolicies}
      actions={
        <Picker label={m.certificates.choosePolicy} button={m.certificates.attachButton} options={options} pick={attach} />
      }
      columns={[
        {
          id: 'name',
          header: m.policies.name,
          isRowHeader: true,
          cell: ({ policyName = '' }) => <Link href={href(['policies', policyName])}>{policyName}</Link>,
        },
        {
          id: 'detach',
          header: m.app.actions,
          cell: ({ policyName = '' }) => (
            <Button iconName="close" variant="icon" ariaLabel={m.certificates.detach(policyName)} onClick={() => detach(policyName)} />
          ),
        },
      ]}
    />
  );
}

function Things({ arn }: { arn: string }) {
  const live = useLive(
    `things of ${arn}`,
    async () => (await clients().iot.send(new ListPrincipalThingsCommand({ principal: arn }))).things ?? [],
  );
  return (
    <SectionTable<string>
      title={m.certificates.things}
      live={live}
      rows={live.data}
      none={m.certificates.noThings}
      columns={[
        {
          id: 'name',
          header: m.things.name,
          isRowHeader: true,
          cell: (name) => <Link href={href(['things', name])}>{name}</Link>,
        },
      ]}
    />
  );
}
