/** What goes with a certificate: policies, things, connected clients, and what was refused. */
import {
  AttachPolicyCommand,
  AttachThingPrincipalCommand,
  DetachPolicyCommand,
  DetachThingPrincipalCommand,
} from '@aws-sdk/client-iot';
import Button from '@cloudscape-design/components/button';
import Link from '@cloudscape-design/components/link';

import { connections, refusals, type Connection, type Refusal } from '../../api/adit';
import { clients } from '../../api/clients';
import { aws } from '../../api/command';
import { useLive } from '../../api/live';
import { moment } from '../../api/time';
import { m } from '../../messages';
import { SameOnCommandLine, Said } from '../../parts/feedback';
import { useAct } from '../../parts/form';
import { Picker, SectionTable } from '../../parts/section';
import { href } from '../../router';
import { stageOf } from '../refusals';
import { someThings } from './attachments';
import { listPolicies, policiesOf, thingsOf } from './data';
import { simulatorFor } from './questions';

interface NamesProps {
  title: string;
  none: string;
  /** Column of the names, and the area of their pages. */
  column: string;
  area: string;
  live: ReturnType<typeof useLive<string[]>>;
  all: string[];
  choose: string;
  command: string;
  attach: (name: string) => void;
  detach: (name: string) => void;
}

/** Names of what it is attached to, one more, and one less. */
function Names({ title, none, column, area, live, all, choose, command, attach, detach }: NamesProps) {
  const there = new Set(live.data);
  const options = all.filter((name) => !there.has(name)).map((name) => ({ value: name, label: name }));
  return (
    <SectionTable<string>
      title={title}
      live={live}
      rows={live.data}
      none={none}
      actions={<Picker label={choose} button={m.certificates.attachButton} options={options} pick={attach} />}
      footer={<SameOnCommandLine command={command} />}
      columns={[
        { id: 'name', header: column, isRowHeader: true, cell: (name) => <Link href={href([area, name])}>{name}</Link> },
        {
          id: 'detach',
          header: m.app.actions,
          cell: (name) => (
            <Button iconName="close" variant="icon" ariaLabel={m.certificates.detach(name)} onClick={() => detach(name)} />
          ),
        },
      ]}
    />
  );
}

/** `changed` is told when other policies count. */
export function Policies({ arn, changed }: { arn: string; changed: () => void }) {
  const live = useLive(`policies of ${arn}`, () => policiesOf(arn));
  const all = useLive('policies', listPolicies, false);
  const act = useAct(() => {
    live.refresh();
    changed();
  });
  const { iot } = clients();
  return (
    <Names
      title={m.certificates.policies}
      none={m.certificates.noPolicies}
      column={m.policies.name}
      area="policies"
      live={live}
      all={(all.data ?? []).map(({ policyName = '' }) => policyName)}
      choose={m.certificates.choosePolicy}
      command={aws('iot', 'list-attached-policies', { target: arn })}
      attach={(policyName) =>
        void act(iot.send(new AttachPolicyCommand({ policyName, target: arn })), m.certificates.attached(policyName))
      }
      detach={(policyName) =>
        void act(iot.send(new DetachPolicyCommand({ policyName, target: arn })), m.certificates.detached(policyName))
      }
    />
  );
}

export function Things({ arn, changed }: { arn: string; changed: () => void }) {
  const live = useLive(`things of ${arn}`, () => thingsOf(arn));
  const all = useLive('things to attach', someThings, false);
  const act = useAct(() => {
    live.refresh();
    changed();
  });
  const { iot } = clients();
  return (
    <Names
      title={m.certificates.things}
      none={m.certificates.noThings}
      column={m.things.name}
      area="things"
      live={live}
      all={all.data ?? []}
      choose={m.certificates.chooseThing}
      command={aws('iot', 'list-principal-things', { principal: arn })}
      attach={(thingName) =>
        void act(iot.send(new AttachThingPrincipalCommand({ thingName, principal: arn })), m.certificates.attached(thingName))
      }
      detach={(thingName) =>
        void act(iot.send(new DetachThingPrincipalCommand({ thingName, principal: arn })), m.certificates.detached(thingName))
      }
    />
  );
}

export function Clients({ id }: { id: string }) {
  const live = useLive(`clients with ${id}`, () => connections({ certificateId: id }));
  return (
    <SectionTable<Connection>
      title={m.certificates.clients}
      live={live}
      rows={live.data}
      none={m.certificates.noClients}
      columns={[
        { id: 'client', header: m.refusals.client, isRowHeader: true, cell: ({ clientId }) => clientId },
        {
          id: 'thing',
          header: m.refusals.thing,
          cell: ({ thingName }) => (thingName ? <Link href={href(['things', thingName])}>{thingName}</Link> : '–'),
        },
        { id: 'address', header: m.refusals.address, cell: ({ source }) => source ?? '–' },
        {
          id: 'since',
          header: m.certificates.since,
          cell: ({ connectedSince }) => moment(connectedSince === undefined ? undefined : new Date(connectedSince * 1000)),
        },
      ]}
    />
  );
}

/** Refusals shown; the page of all has the others. */
const SHOWN = 5;

export function Refused({ id }: { id: string }) {
  const live = useLive(`refusals of ${id}`, () => refusals({ certificateId: id }));
  return (
    <SectionTable<Refusal>
      title={m.certificates.refused}
      live={live}
      rows={live.data?.rows.slice(0, SHOWN)}
      counted={false}
      none={m.certificates.noRefusals}
      actions={<Button href={href(['refusals'], { certificateId: id })}>{m.certificates.allRefusals}</Button>}
      columns={[
        { id: 'when', header: m.refusals.when, isRowHeader: true, cell: ({ at }) => moment(at) },
        { id: 'stage', header: m.refusals.stage, cell: ({ stage }) => stageOf(stage) },
        { id: 'why', header: m.refusals.why, minWidth: 320, cell: ({ reason }) => <Said>{reason}</Said> },
        { id: 'client', header: m.refusals.client, cell: ({ clientId }) => clientId ?? '–' },
        { id: 'simulate', header: m.app.actions, cell: (refusal) => <Simulate refusal={refusal} /> },
      ]}
    />
  );
}

/** Asks the simulator what was refused. */
function Simulate({ refusal }: { refusal: Refusal }) {
  const to = simulatorFor(refusal);
  return to ? <Link href={to}>{m.policies.simulate}</Link> : <>–</>;
}
