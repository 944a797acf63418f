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
import { m } from '../../messages';
import { SameOnCommandLine, Said } from '../../parts/feedback';
import { useAct } from '../../parts/form';
import { Picker, SectionTable } from '../../parts/section';
import { When } from '../../parts/whole';
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
  arn: string;
  load: (arn: string) => Promise<string[]>;
  /** Names that could be attached. */
  all: () => Promise<string[]>;
  choose: string;
  command: string;
  attach: (name: string) => Promise<unknown>;
  detach: (name: string) => Promise<unknown>;
  /** It is attached to others now. */
  changed: () => void;
}

/** Names of what it is attached to, one more, and one less. */
function Names({ title, none, column, area, arn, load, all, choose, command, attach, detach, changed }: NamesProps) {
  const live = useLive(`${area} of ${arn}`, () => load(arn));
  const offered = useLive(`${area} to attach`, all, false);
  const act = useAct(() => {
    live.refresh();
    changed();
  });
  const there = new Set(live.data);
  const options = (offered.data ?? []).filter((name) => !there.has(name)).map((name) => ({ value: name, label: name }));
  const one = (name: string) => void act(attach(name), m.certificates.attached(name));
  return (
    <SectionTable<string>
      title={title}
      live={live}
      rows={live.data}
      none={none}
      actions={<Picker label={choose} button={m.certificates.attachButton} options={options} pick={one} />}
      footer={<SameOnCommandLine command={command} />}
      columns={[
        { id: 'name', header: column, isRowHeader: true, cell: (name) => <Link href={href([area, name])}>{name}</Link> },
        {
          id: 'detach',
          header: m.app.actions,
          cell: (name) => (
            <Button
              iconName="close"
              variant="icon"
              ariaLabel={m.certificates.detach(name)}
              onClick={() => void act(detach(name), m.certificates.detached(name))}
            />
          ),
        },
      ]}
    />
  );
}

interface AttachedProps {
  arn: string;
  /** Told when other policies may count. */
  changed: () => void;
}

export function Policies(props: AttachedProps) {
  const { iot } = clients();
  const target = props.arn;
  return (
    <Names
      {...props}
      title={m.certificates.policies}
      none={m.certificates.noPolicies}
      column={m.policies.name}
      area="policies"
      load={policiesOf}
      all={async () => (await listPolicies()).map(({ policyName = '' }) => policyName)}
      choose={m.certificates.choosePolicy}
      command={aws('iot', 'list-attached-policies', { target })}
      attach={(policyName) => iot.send(new AttachPolicyCommand({ policyName, target }))}
      detach={(policyName) => iot.send(new DetachPolicyCommand({ policyName, target }))}
    />
  );
}

export function Things(props: AttachedProps) {
  const { iot } = clients();
  const principal = props.arn;
  return (
    <Names
      {...props}
      title={m.certificates.things}
      none={m.certificates.noThings}
      column={m.things.name}
      area="things"
      load={thingsOf}
      all={someThings}
      choose={m.certificates.chooseThing}
      command={aws('iot', 'list-principal-things', { principal })}
      attach={(thingName) => iot.send(new AttachThingPrincipalCommand({ thingName, principal }))}
      detach={(thingName) => iot.send(new DetachThingPrincipalCommand({ thingName, principal }))}
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
          cell: ({ connectedSince }) => <When at={connectedSince === undefined ? undefined : new Date(connectedSince * 1000)} />,
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
        { id: 'when', header: m.refusals.when, isRowHeader: true, cell: ({ at }) => <When at={at} /> },
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
