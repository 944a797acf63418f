/** One policy: its versions, and what it is attached to. */
import {
  DeletePolicyCommand,
  DeletePolicyVersionCommand,
  GetPolicyCommand,
  GetPolicyVersionCommand,
  ListPolicyVersionsCommand,
  ListTargetsForPolicyCommand,
  SetDefaultPolicyVersionCommand,
  type PolicyVersion,
} from '@aws-sdk/client-iot';
import Box from '@cloudscape-design/components/box';
import Button from '@cloudscape-design/components/button';
import Container from '@cloudscape-design/components/container';
import ContentLayout from '@cloudscape-design/components/content-layout';
import Header from '@cloudscape-design/components/header';
import Link from '@cloudscape-design/components/link';
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
import { indented } from './data';
import { EditPolicyDialog } from './edit-policy';

async function load(policyName: string) {
  const { iot } = clients();
  const [policy, versions, targets] = await Promise.all([
    iot.send(new GetPolicyCommand({ policyName })),
    iot.send(new ListPolicyVersionsCommand({ policyName })),
    iot.send(new ListTargetsForPolicyCommand({ policyName, pageSize: 250 })).catch(() => undefined),
  ]);
  return { policy, versions: versions.policyVersions ?? [], targets: targets?.targets };
}

export default function PolicyDetail({ name }: { name: string }) {
  const live = useLive(`policy ${name}`, () => load(name));
  const [shown, setShown] = useState<string>();
  const [editing, setEditing] = useState(false);
  const [deleting, setDeleting] = useState(false);
  const { notice } = useNotices();
  if (!live.data) return live.error ? <Trouble error={live.error} retry={live.refresh} /> : <Spinner size="large" />;
  const { policy, versions, targets } = live.data;
  const inUse = policy.defaultVersionId ?? '';
  return (
    <ContentLayout
      header={
        <Header
          variant="h1"
          actions={
            <SpaceBetween direction="horizontal" size="xs">
              <Button iconName="refresh" ariaLabel={m.app.refresh} loading={live.loading} onClick={live.refresh} />
              <Button onClick={() => setDeleting(true)}>{m.app.remove}</Button>
              <Button variant="primary" onClick={() => setEditing(true)}>
                {m.policies.edit}
              </Button>
            </SpaceBetween>
          }
        >
          {name}
        </Header>
      }
    >
      <SpaceBetween size="l">
        {live.error !== undefined && <Trouble error={live.error} retry={live.refresh} />}
        <Document name={name} version={shown ?? inUse} inUse={inUse} document={policy.policyDocument} />
        <Versions name={name} versions={versions} show={setShown} changed={live.refresh} />
        <Targets targets={targets} />
      </SpaceBetween>
      {editing && (
        <EditPolicyDialog
          name={name}
          document={indented(policy.policyDocument)}
          dismiss={() => setEditing(false)}
          done={() => {
            setEditing(false);
            setShown(undefined);
            live.refresh();
          }}
        />
      )}
      {deleting && (
        <Confirm
          title={m.policies.deleteTitle(name)}
          button={m.app.remove}
          command={aws('iot', 'delete-policy', { 'policy-name': name })}
          work={() => clients().iot.send(new DeletePolicyCommand({ policyName: name }))}
          dismiss={() => setDeleting(false)}
          done={() => {
            notice('success', m.policies.deletedNow(name));
            go('#/policies');
          }}
        >
          <Box variant="p">{m.policies.deleteText}</Box>
        </Confirm>
      )}
    </ContentLayout>
  );
}

interface DocumentProps {
  name: string;
  version: string;
  inUse: string;
  document: string | undefined;
}

function Document({ name, version, inUse, document }: DocumentProps) {
  const live = useLive(
    `policy ${name} ${version}`,
    async () => {
      if (version === inUse) return document;
      const found = await clients().iot.send(new GetPolicyVersionCommand({ policyName: name, policyVersionId: version }));
      return found.policyDocument;
    },
    false,
  );
  const label = `${m.policies.version} ${version}${version === inUse ? ` (${m.policies.defaultVersion})` : ''}`;
  const text = version === inUse ? document : live.data;
  return (
    <Container
      header={<Header variant="h2">{label}</Header>}
      footer={
        <SameOnCommandLine
          command={aws('iot', 'get-policy-version', { 'policy-name': name, 'policy-version-id': version })}
        />
      }
    >
      {live.error ? (
        <Trouble error={live.error} />
      ) : (
        <pre className="document" tabIndex={0} aria-label={m.policies.document}>
          {indented(text)}
        </pre>
      )}
    </Container>
  );
}

interface VersionsProps {
  name: string;
  versions: PolicyVersion[];
  show: (version: string) => void;
  changed: () => void;
}

function Versions({ name, versions, show, changed }: VersionsProps) {
  const { notice } = useNotices();
  const act = (work: Promise<unknown>, text: string) =>
    work.then(
      () => {
        notice('success', text);
        changed();
      },
      (error: unknown) => notice('error', textOf(error)),
    );
  const { iot } = clients();
  const use = (id: string) =>
    act(iot.send(new SetDefaultPolicyVersionCommand({ policyName: name, policyVersionId: id })), m.policies.saved(id));
  const remove = (id: string) =>
    act(iot.send(new DeletePolicyVersionCommand({ policyName: name, policyVersionId: id })), m.policies.versionGone(id));
  return (
    <Table<PolicyVersion>
      variant="container"
      items={versions}
      ariaLabels={{ tableLabel: m.policies.versions }}
      header={<Header variant="h2">{m.policies.versions}</Header>}
      columnDefinitions={[
        {
          id: 'version',
          header: m.policies.version,
          isRowHeader: true,
          cell: ({ versionId = '', isDefaultVersion }) => (
            <>
              <Link onFollow={() => show(versionId)} ariaLabel={m.policies.show(versionId)}>
                {versionId}
              </Link>
              {isDefaultVersion ? ` (${m.policies.defaultVersion})` : ''}
            </>
          ),
        },
        { id: 'created', header: m.policies.versionCreated, cell: (row) => moment(row.createDate) },
        {
          id: 'actions',
          header: m.app.actions,
          cell: ({ versionId = '', isDefaultVersion }) =>
            isDefaultVersion ? (
              '–'
            ) : (
              <SpaceBetween direction="horizontal" size="xs">
                <Button onClick={() => void use(versionId)} ariaLabel={`${m.policies.use}: ${versionId}`}>
                  {m.policies.use}
                </Button>
                <Button onClick={() => void remove(versionId)} ariaLabel={`${m.policies.removeVersion}: ${versionId}`}>
                  {m.policies.removeVersion}
                </Button>
              </SpaceBetween>
            ),
        },
      ]}
    />
  );
}

function Targets({ targets }: { targets: string[] | undefined }) {
  return (
    <Table<string>
      variant="container"
      items={targets ?? []}
      ariaLabels={{ tableLabel: m.policies.targets }}
      empty={m.policies.noTargets}
      header={<Header variant="h2">{m.policies.targets}</Header>}
      columnDefinitions={[
        {
          id: 'target',
          header: m.certificates.arn,
          isRowHeader: true,
          cell: (arn) => {
            const id = arn.split(':cert/')[1];
            return id ? <Link href={href(['certificates', id])}>{arn}</Link> : arn;
          },
        },
      ]}
    />
  );
}
