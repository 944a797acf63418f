/** One policy: its versions, and what it is attached to. */
import {
  DeletePolicyVersionCommand,
  GetPolicyCommand,
  GetPolicyVersionCommand,
  ListPolicyVersionsCommand,
  SetDefaultPolicyVersionCommand,
} from '@aws-sdk/client-iot';
import Button from '@cloudscape-design/components/button';
import { useState } from 'react';

import { clients } from '../../api/clients';
import { aws } from '../../api/command';
import { useLive } from '../../api/live';
import { m } from '../../messages';
import { DetailPage } from '../../parts/detail';
import { SameOnCommandLine } from '../../parts/feedback';
import { useAct } from '../../parts/form';
import { indented } from '../../parts/json';
import { SectionTable } from '../../parts/section';
import { useShown, VersionBox, VersionTable } from '../../parts/versions';
import { go, href } from '../../router';
import { targetsOf } from './data';
import { DeletePolicyDialog } from './delete-policy';
import { EditPolicyDialog } from './edit-policy';
import { Target } from './target';

async function load(policyName: string) {
  const { iot } = clients();
  const [policy, versions] = await Promise.all([
    iot.send(new GetPolicyCommand({ policyName })),
    iot.send(new ListPolicyVersionsCommand({ policyName })),
  ]);
  const ids = (versions.policyVersions ?? []).map(({ versionId = '', createDate }) => ({ id: versionId, created: createDate }));
  return { document: policy.policyDocument, inUse: policy.defaultVersionId ?? '', versions: ids };
}

async function documentOf(policyName: string, policyVersionId: string): Promise<string> {
  const found = await clients().iot.send(new GetPolicyVersionCommand({ policyName, policyVersionId }));
  return indented(found.policyDocument);
}

export default function PolicyDetail({ name }: { name: string }) {
  const live = useLive(`policy ${name}`, () => load(name));
  const targets = useLive(`targets of ${name}`, () => targetsOf(name));
  const inUse = live.data?.inUse ?? '';
  const shown = useShown(inUse);
  const [asking, setAsking] = useState<'edit' | 'delete'>();
  const close = () => setAsking(undefined);
  const changed = () => {
    shown.choose();
    live.refresh();
  };
  const act = useAct(changed);
  const { iot } = clients();
  const given = { 'policy-name': name };
  const use = (id: string) =>
    void act(iot.send(new SetDefaultPolicyVersionCommand({ policyName: name, policyVersionId: id })), m.policies.saved(id));
  const remove = (id: string) =>
    void act(iot.send(new DeletePolicyVersionCommand({ policyName: name, policyVersionId: id })), m.versions.gone(id));
  return (
    <DetailPage
      live={live}
      title={name}
      actions={() => (
        <>
          <Button onClick={() => setAsking('delete')}>{m.app.remove}</Button>
          <Button href={href(['simulator'], { policy: name })}>{m.policies.simulate}</Button>
          <Button variant="primary" onClick={() => setAsking('edit')}>
            {m.policies.edit}
          </Button>
        </>
      )}
      dialogs={({ document, versions }) => (
        <>
          {asking === 'edit' && (
            <EditPolicyDialog
              name={name}
              document={indented(document)}
              others={versions.map(({ id }) => id).filter((id) => id !== inUse)}
              dismiss={close}
              done={() => {
                close();
                changed();
              }}
            />
          )}
          {asking === 'delete' && (
            <DeletePolicyDialog
              name={name}
              targets={targets.data}
              others={versions.map(({ id }) => id).filter((id) => id !== inUse)}
              dismiss={close}
              done={() => go('#/policies')}
            />
          )}
        </>
      )}
    >
      {({ document, versions }) => (
        <>
          <VersionBox
            shown={shown}
            inUse={inUse}
            ids={versions.map(({ id }) => id)}
            of={`policies/${name}`}
            load={async (id) => (id === inUse ? indented(document) : documentOf(name, id))}
            command={(id) => aws('iot', 'get-policy-version', { ...given, 'policy-version-id': id })}
            label={m.policies.document}
          />
          <VersionTable
            live={live}
            versions={versions}
            inUse={inUse}
            shown={shown}
            description={m.policies.versionsText}
            command={aws('iot', 'list-policy-versions', given)}
            use={use}
            remove={remove}
          />
          <SectionTable<string>
            title={m.policies.targets}
            live={targets}
            rows={targets.data}
            none={m.policies.noTargets}
            footer={<SameOnCommandLine command={aws('iot', 'list-targets-for-policy', given)} />}
            columns={[{ id: 'target', header: m.certificates.arn, isRowHeader: true, cell: (arn) => <Target arn={arn} /> }]}
          />
        </>
      )}
    </DetailPage>
  );
}
