/** What a thing's devices may do: the policies of its certificates and of its groups. */
import { GetEffectivePoliciesCommand, type EffectivePolicy } from '@aws-sdk/client-iot';
import Box from '@cloudscape-design/components/box';
import Container from '@cloudscape-design/components/container';
import ExpandableSection from '@cloudscape-design/components/expandable-section';
import Header from '@cloudscape-design/components/header';
import Link from '@cloudscape-design/components/link';
import SpaceBetween from '@cloudscape-design/components/space-between';
import Spinner from '@cloudscape-design/components/spinner';

import { clients } from '../../api/clients';
import { aws } from '../../api/command';
import { each, useLive } from '../../api/live';
import { m } from '../../messages';
import { Document } from '../../parts/detail';
import { SameOnCommandLine, Trouble } from '../../parts/feedback';
import { None } from '../../parts/list-table';
import { href } from '../../router';
import { indented } from '../security/data';
import { certificateIdOf, principalsOf } from './data';

interface Held {
  policy: EffectivePolicy;
  /** How the thing comes by it. */
  through: string[];
}

/** Each policy once, with all the ways that lead to it. */
async function load(thingName: string) {
  const principals = await principalsOf(thingName);
  const ask = async (input: { thingName: string } | { principal: string }) =>
    (await clients().iot.send(new GetEffectivePoliciesCommand(input))).effectivePolicies ?? [];
  const ways = await each(['', ...principals], 4, async (principal) => ({
    through: principal ? (certificateIdOf(principal)?.slice(0, 16) ?? principal) : m.things.throughGroups,
    policies: await ask(principal ? { principal } : { thingName }),
  }));
  const found = new Map<string, Held>();
  for (const { through, policies } of ways) {
    for (const policy of policies) {
      const held = found.get(policy.policyName ?? '') ?? { policy, through: [] };
      held.through.push(through);
      found.set(policy.policyName ?? '', held);
    }
  }
  return { held: [...found.values()], principals };
}

export function EffectivePolicies({ name }: { name: string }) {
  const live = useLive(`effective policies of ${name}`, () => load(name));
  if (!live.data) return live.error ? <Trouble error={live.error} retry={live.refresh} /> : <Spinner />;
  const { held, principals } = live.data;
  const command = aws('iot', 'get-effective-policies', { 'thing-name': name, principal: principals[0] });
  return (
    <Container
      header={
        <Header variant="h2" counter={held.length > 0 ? `(${held.length})` : undefined}>
          {m.things.effective}
        </Header>
      }
      footer={<SameOnCommandLine command={command} />}
    >
      {held.length === 0 ? (
        <None title={m.things.effectiveNone} text={m.things.effectiveNoneText} />
      ) : (
        held.map(({ policy: { policyName = '', policyDocument }, through }) => (
          <ExpandableSection key={policyName} headerText={policyName} headerDescription={m.things.through(through.join(', '))}>
            <SpaceBetween size="xs">
              <Document text={indented(policyDocument)} label={policyName} />
              <Box>
                <Link href={href(['policies', policyName])}>{m.things.toPolicy(policyName)}</Link>
              </Box>
            </SpaceBetween>
          </ExpandableSection>
        ))
      )}
    </Container>
  );
}
