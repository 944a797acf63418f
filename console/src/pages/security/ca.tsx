/** One CA of the reader's own: what it is, what becomes of its devices, and how far each has come. */
import { DescribeCACertificateCommand, type DescribeCACertificateResponse } from '@aws-sdk/client-iot';
import Box from '@cloudscape-design/components/box';
import Button from '@cloudscape-design/components/button';
import ButtonDropdown from '@cloudscape-design/components/button-dropdown';
import Container from '@cloudscape-design/components/container';
import Header from '@cloudscape-design/components/header';
import Link from '@cloudscape-design/components/link';
import SpaceBetween from '@cloudscape-design/components/space-between';
import { useState } from 'react';

import { clients } from '../../api/clients';
import { aws } from '../../api/command';
import { useLive } from '../../api/live';
import { moment } from '../../api/time';
import { m } from '../../messages';
import { DetailPage, Document, Facts, Token } from '../../parts/detail';
import { indented } from '../../parts/json';
import { Download } from '../../parts/once';
import { go, href } from '../../router';
import { changesOf, type Change } from './ca-changes';
import { CaFunnel } from './ca-funnel';
import { CertificateStatus } from './certificates';
import { ChangeCaDialog } from './change-ca';
import { EditCaDialog } from './edit-ca';

export default function CaDetail({ id }: { id: string }) {
  const live = useLive(`ca ${id}`, () => clients().iot.send(new DescribeCACertificateCommand({ certificateId: id })));
  const [change, setChange] = useState<Change>();
  const [editing, setEditing] = useState(false);
  const gone = change?.action === m.cas.remove;
  return (
    <DetailPage
      live={live}
      title={`${id.slice(0, 16)}…`}
      actions={({ certificateDescription: ca = {} }) => {
        const changes = changesOf(ca);
        return (
          <>
            <Download name={`${id.slice(0, 16)}.pem`} content={ca.certificatePem ?? ''}>
              {m.ca.downloadPem}
            </Download>
            <ButtonDropdown
              items={Object.entries(changes).map(([key, { action, disabled }]) => ({ id: key, text: action, disabled }))}
              onItemClick={({ detail }) => setChange(changes[detail.id])}
            >
              {m.cas.actions}
            </ButtonDropdown>
            <Button variant="primary" onClick={() => setEditing(true)}>
              {m.ca.edit}
            </Button>
          </>
        );
      }}
      dialogs={(described) => (
        <>
          {editing && (
            <EditCaDialog
              id={id}
              described={described}
              dismiss={() => setEditing(false)}
              done={() => {
                setEditing(false);
                live.refresh();
              }}
            />
          )}
          {change && (
            <ChangeCaDialog
              change={change}
              dismiss={() => setChange(undefined)}
              done={() => {
                setChange(undefined);
                if (gone) go('#/onboarding');
                else live.refresh();
              }}
            />
          )}
        </>
      )}
    >
      {(described) => (
        <>
          <About described={described} />
          <OnConnect described={described} />
          <CaFunnel id={id} />
        </>
      )}
    </DetailPage>
  );
}

function About({ described }: { described: DescribeCACertificateResponse }) {
  const ca = described.certificateDescription ?? {};
  const { validity, certificateId } = ca;
  return (
    <Facts
      title={m.ca.details}
      command={aws('iot', 'describe-ca-certificate', { 'certificate-id': certificateId })}
      items={[
        { label: m.cas.status, value: <CertificateStatus status={ca.status} /> },
        { label: m.cas.auto, value: ca.autoRegistrationStatus === 'ENABLE' ? m.cas.autoOn : m.cas.autoOff },
        { label: m.cas.mode, value: <Token>{ca.certificateMode ?? 'DEFAULT'}</Token> },
        { label: m.cas.created, value: moment(ca.creationDate) },
        { label: m.ca.modified, value: moment(ca.lastModifiedDate) },
        {
          label: m.ca.valid,
          value: validity ? m.ca.validity(moment(validity.notBefore), moment(validity.notAfter)) : '–',
        },
        { label: m.cas.id, value: <Token>{certificateId}</Token> },
        { label: m.ca.arn, value: <Token>{ca.certificateArn}</Token> },
      ]}
    />
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
              <Token>{m.ca.onConnectOwn(roleArn)}</Token>
            </Box>
            <Document text={indented(templateBody)} label={m.ca.body} />
          </>
        )}
      </SpaceBetween>
    </Container>
  );
}
