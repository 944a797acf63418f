/** One CA of the reader's own: what it is, what becomes of its devices, and how far each has come. */
import { DescribeCACertificateCommand, type DescribeCACertificateResponse } from '@aws-sdk/client-iot';
import Box from '@cloudscape-design/components/box';
import Button from '@cloudscape-design/components/button';
import ButtonDropdown from '@cloudscape-design/components/button-dropdown';
import Container from '@cloudscape-design/components/container';
import ContentLayout from '@cloudscape-design/components/content-layout';
import Header from '@cloudscape-design/components/header';
import KeyValuePairs from '@cloudscape-design/components/key-value-pairs';
import Link from '@cloudscape-design/components/link';
import SpaceBetween from '@cloudscape-design/components/space-between';
import Spinner from '@cloudscape-design/components/spinner';
import { useState } from 'react';

import { clients } from '../../api/clients';
import { aws } from '../../api/command';
import { useLive } from '../../api/live';
import { moment } from '../../api/time';
import { m } from '../../messages';
import { Confirm } from '../../parts/confirm';
import { SameOnCommandLine, save, Trouble, useNotices } from '../../parts/feedback';
import { go, href } from '../../router';
import { changesOf, type Change } from './ca-changes';
import { CaFunnel } from './ca-funnel';
import { CertificateStatus } from './certificates';
import { indented } from './data';

export default function CaDetail({ id }: { id: string }) {
  const live = useLive(`ca ${id}`, () => clients().iot.send(new DescribeCACertificateCommand({ certificateId: id })));
  const { notice } = useNotices();
  const [change, setChange] = useState<Change>();
  if (!live.data) return live.error ? <Trouble error={live.error} retry={live.refresh} /> : <Spinner size="large" />;
  const ca = live.data.certificateDescription ?? {};
  const changes = changesOf(ca);
  const gone = change?.action === m.cas.remove;
  return (
    <ContentLayout
      header={
        <Header
          variant="h1"
          actions={
            <SpaceBetween direction="horizontal" size="xs">
              <Button iconName="refresh" ariaLabel={m.app.refresh} loading={live.loading} onClick={live.refresh} />
              <Button iconName="download" onClick={() => save(`${id.slice(0, 16)}.pem`, ca.certificatePem ?? '')}>
                {m.ca.downloadPem}
              </Button>
              <ButtonDropdown
                items={Object.entries(changes).map(([key, { action, disabled }]) => ({ id: key, text: action, disabled }))}
                onItemClick={({ detail }) => setChange(changes[detail.id])}
              >
                {m.cas.actions}
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
        <Facts described={live.data} />
        <OnConnect described={live.data} />
        <CaFunnel id={id} />
      </SpaceBetween>
      {change && (
        <Confirm
          title={m.cas.confirm(change.action)}
          button={change.action}
          command={change.command}
          work={change.work}
          dismiss={() => setChange(undefined)}
          done={() => {
            notice('success', change.done);
            setChange(undefined);
            if (gone) go('#/onboarding');
            else live.refresh();
          }}
        >
          <Box variant="p">{change.text}</Box>
        </Confirm>
      )}
    </ContentLayout>
  );
}

function Facts({ described }: { described: DescribeCACertificateResponse }) {
  const ca = described.certificateDescription ?? {};
  const { validity, certificateId } = ca;
  return (
    <Container
      header={<Header variant="h2">{m.ca.details}</Header>}
      footer={<SameOnCommandLine command={aws('iot', 'describe-ca-certificate', { 'certificate-id': certificateId })} />}
    >
      <KeyValuePairs
        columns={3}
        minColumnWidth={180}
        items={[
          { label: m.cas.status, value: <CertificateStatus status={ca.status} /> },
          { label: m.cas.auto, value: ca.autoRegistrationStatus === 'ENABLE' ? m.cas.autoOn : m.cas.autoOff },
          { label: m.cas.mode, value: ca.certificateMode ?? 'DEFAULT' },
          { label: m.cas.created, value: moment(ca.creationDate) },
          { label: m.ca.modified, value: moment(ca.lastModifiedDate) },
          {
            label: m.ca.valid,
            value: validity ? m.ca.validity(moment(validity.notBefore), moment(validity.notAfter)) : '–',
          },
          { label: m.cas.id, value: <span className="token">{certificateId}</span> },
          { label: m.ca.arn, value: <span className="token">{ca.certificateArn}</span> },
        ]}
      />
    </Container>
  );
}

/** What the registration config says. */
function OnConnect({ described }: { described: DescribeCACertificateResponse }) {
  const { templateName, templateBody, roleArn = '' } = described.registrationConfig ?? {};
  const on = described.certificateDescription?.autoRegistrationStatus === 'ENABLE';
  return (
    <Container header={<Header variant="h2">{m.ca.onConnect}</Header>}>
      <SpaceBetween size="s">
        {!on && <Box>{m.ca.onConnectOff}</Box>}
        {on && !templateName && !templateBody && <Box>{m.ca.onConnectNone}</Box>}
        {templateName && (
          <Box>
            {m.ca.onConnectNamed} <Link href={href(['templates', templateName])}>{templateName}</Link>
          </Box>
        )}
        {templateBody && (
          <>
            <Box>
              <span className="token">{m.ca.onConnectOwn(roleArn)}</span>
            </Box>
            <pre className="document" tabIndex={0} aria-label={m.ca.body}>
              {indented(templateBody)}
            </pre>
          </>
        )}
      </SpaceBetween>
    </Container>
  );
}
