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
import Container from '@cloudscape-design/components/container';
import ContentLayout from '@cloudscape-design/components/content-layout';
import Header from '@cloudscape-design/components/header';
import KeyValuePairs from '@cloudscape-design/components/key-value-pairs';
import Link from '@cloudscape-design/components/link';
import Select from '@cloudscape-design/components/select';
import SpaceBetween from '@cloudscape-design/components/space-between';
import Spinner from '@cloudscape-design/components/spinner';
import Table from '@cloudscape-design/components/table';
import { useState } from 'react';

import { clients } from '../../api/clients';
import { aws } from '../../api/command';
import { textOf } from '../../api/errors';
import { useLive } from '../../api/live';
import { moment } from '../../api/time';
import { m } from '../../messages';
import { Confirm } from '../../parts/confirm';
import { SameOnCommandLine, Trouble, useNotices } from '../../parts/feedback';
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
  if (!live.data) return live.error ? <Trouble error={live.error} retry={live.refresh} /> : <Spinner size="large" />;
  const { status, certificateArn: arn = '' } = live.data;
  const asked = change ? CHANGES[change] : undefined;
  return (
    <ContentLayout
      header={
        <Header
          variant="h1"
          actions={
            <SpaceBetween direction="horizontal" size="xs">
              <Button iconName="refresh" ariaLabel={m.app.refresh} loading={live.loading} onClick={live.refresh} />
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
            </SpaceBetween>
          }
        >
          {id.slice(0, 16)}…
        </Header>
      }
    >
      <SpaceBetween size="l">
        {live.error !== undefined && <Trouble error={live.error} retry={live.refresh} />}
        <Facts certificate={live.data} />
        <Policies arn={arn} />
        <Things arn={arn} />
      </SpaceBetween>
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
    </ContentLayout>
  );
}

function Facts({ certificate }: { certificate: CertificateDescription }) {
  const { validity, certificateId } = certificate;
  return (
    <Container
      header={<Header variant="h2">{m.certificates.details}</Header>}
      footer={<SameOnCommandLine command={aws('iot', 'describe-certificate', { 'certificate-id': certificateId })} />}
    >
      <KeyValuePairs
        columns={3}
        minColumnWidth={180}
        items={[
          { label: m.certificates.status, value: <CertificateStatus status={certificate.status} /> },
          { label: m.certificates.created, value: moment(certificate.creationDate) },
          {
            label: m.certificates.valid,
            value: validity ? m.certificates.validity(moment(validity.notBefore), moment(validity.notAfter)) : '–',
          },
          { label: m.certificates.id, value: <span className="token">{certificateId}</span> },
          { label: m.certificates.subject, value: <span className="token">{certificate.caCertificateId ?? '–'}</span> },
          { label: m.certificates.arn, value: <span className="token">{certificate.certificateArn}</span> },
        ]}
      />
    </Container>
  );
}

function Policies({ arn }: { arn: string }) {
  const { notice } = useNotices();
  const live = useLive(
    `policies of ${arn}`,
    async () => (await clients().iot.send(new ListAttachedPoliciesCommand({ target: arn, pageSize: 250 }))).policies ?? [],
  );
  const all = useLive('policies', listPolicies, false);
  const [chosen, setChosen] = useState('');
  const there = new Set((live.data ?? []).map((policy) => policy.policyName));
  const options = (all.data ?? [])
    .filter((policy) => !there.has(policy.policyName))
    .map((policy) => ({ value: policy.policyName ?? '', label: policy.policyName ?? '' }));
  const act = (work: Promise<unknown>, text: string) =>
    work.then(
      () => {
        notice('success', text);
        setChosen('');
        live.refresh();
      },
      (error: unknown) => notice('error', textOf(error)),
    );
  const attach = () =>
    act(clients().iot.send(new AttachPolicyCommand({ policyName: chosen, target: arn })), m.certificates.attached(chosen));
  const detach = (name: string) =>
    act(clients().iot.send(new DetachPolicyCommand({ policyName: name, target: arn })), m.certificates.detached(name));
  return (
    <Table<Policy>
      variant="container"
      loading={live.loading && !live.data}
      loadingText={m.app.loading}
      items={live.data ?? []}
      ariaLabels={{ tableLabel: m.certificates.policies }}
      empty={live.error ? <Trouble error={live.error} retry={live.refresh} /> : m.certificates.noPolicies}
      header={
        <Header
          variant="h2"
          actions={
            <SpaceBetween direction="horizontal" size="xs">
              <Select
                ariaLabel={m.certificates.choosePolicy}
                placeholder={m.certificates.choosePolicy}
                selectedOption={options.find((option) => option.value === chosen) ?? null}
                options={options}
                filteringType="auto"
                onChange={({ detail }) => setChosen(detail.selectedOption.value ?? '')}
              />
              <Button disabled={!chosen} onClick={() => void attach()}>
                {m.certificates.attachButton}
              </Button>
            </SpaceBetween>
          }
        >
          {m.certificates.policies}
        </Header>
      }
      columnDefinitions={[
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
            <Button iconName="close" variant="icon" ariaLabel={m.certificates.detach(policyName)} onClick={() => void detach(policyName)} />
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
    <Table<string>
      variant="container"
      loading={live.loading && !live.data}
      loadingText={m.app.loading}
      items={live.data ?? []}
      ariaLabels={{ tableLabel: m.certificates.things }}
      empty={live.error ? <Trouble error={live.error} retry={live.refresh} /> : m.certificates.noThings}
      header={<Header variant="h2">{m.certificates.things}</Header>}
      columnDefinitions={[
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
