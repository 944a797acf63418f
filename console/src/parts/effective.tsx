/** Policies that count, each once with the ways that lead to it. */
import { GetEffectivePoliciesCommand, type EffectivePolicy } from '@aws-sdk/client-iot';
import Box from '@cloudscape-design/components/box';
import Container from '@cloudscape-design/components/container';
import ExpandableSection from '@cloudscape-design/components/expandable-section';
import Header from '@cloudscape-design/components/header';
import Link from '@cloudscape-design/components/link';
import SpaceBetween from '@cloudscape-design/components/space-between';
import Spinner from '@cloudscape-design/components/spinner';
import type { ReactNode } from 'react';

import { clients } from '../api/clients';
import type { Live } from '../api/live';
import { m } from '../messages';
import { count } from '../messages/locale';
import { href } from '../router';
import { Document } from './detail';
import { SameOnCommandLine, Trouble } from './feedback';
import { indented } from './json';

/** A way to policies, such as a certificate or the groups of a thing. */
export interface Way {
  through: string;
  policies: EffectivePolicy[];
}

export async function policiesFor(input: { principal: string } | { thingName: string }): Promise<EffectivePolicy[]> {
  return (await clients().iot.send(new GetEffectivePoliciesCommand(input))).effectivePolicies ?? [];
}

interface Held {
  policy: EffectivePolicy;
  through: string[];
}

export function held(ways: readonly Way[]): Held[] {
  const found = new Map<string, Held>();
  for (const { through, policies } of ways) {
    for (const policy of policies) {
      const one = found.get(policy.policyName ?? '') ?? { policy, through: [] };
      one.through.push(through);
      found.set(policy.policyName ?? '', one);
    }
  }
  return [...found.values()];
}

interface Props {
  live: Live<unknown>;
  ways: readonly Way[] | undefined;
  command: string;
  /** What it means that there is none. */
  none: ReactNode;
}

export function EffectivePolicies({ live, ways, command, none }: Props) {
  const policies = ways && held(ways);
  return (
    <Container
      header={
        <Header variant="h2" counter={policies?.length ? `(${count(policies.length)})` : undefined}>
          {m.effective.title}
        </Header>
      }
      footer={<SameOnCommandLine command={command} />}
    >
      {!policies ? (
        live.error !== undefined ? (
          <Trouble error={live.error} retry={live.refresh} />
        ) : (
          <Spinner />
        )
      ) : policies.length === 0 ? (
        none
      ) : (
        policies.map((one) => <Policy key={one.policy.policyName} {...one} />)
      )}
    </Container>
  );
}

function Policy({ policy: { policyName = '', policyDocument }, through }: Held) {
  return (
    <ExpandableSection headerText={policyName} headerDescription={m.effective.through(through.join(', '))}>
      <SpaceBetween size="xs">
        <Document text={indented(policyDocument)} label={policyName} />
        <Box>
          <Link href={href(['policies', policyName])}>{m.effective.open(policyName)}</Link>
        </Box>
      </SpaceBetween>
    </ExpandableSection>
  );
}
