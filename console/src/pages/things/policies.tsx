/** What a thing's devices may do: the policies of its certificates and of its groups. */
import { GetEffectivePoliciesCommand } from '@aws-sdk/client-iot';

import { clients } from '../../api/clients';
import { aws } from '../../api/command';
import { each, useLive } from '../../api/live';
import { m } from '../../messages';
import { EffectivePolicies, type Way } from '../../parts/effective';
import { certificateIdOf, principalsOf } from './data';

async function load(thingName: string): Promise<Way[]> {
  const ask = async (input: { thingName: string } | { principal: string }) =>
    (await clients().iot.send(new GetEffectivePoliciesCommand(input))).effectivePolicies ?? [];
  return each(['', ...(await principalsOf(thingName))], 4, async (principal) => ({
    through: principal ? (certificateIdOf(principal)?.slice(0, 16) ?? principal) : m.things.throughGroups,
    policies: await ask(principal ? { principal } : { thingName }),
  }));
}

export function Policies({ name }: { name: string }) {
  // The command shows the policies of one principal at a time.
  const principals = useLive(`first principal of ${name}`, () => principalsOf(name), false);
  const command = aws('iot', 'get-effective-policies', { 'thing-name': name, principal: principals.data?.[0] });
  return <EffectivePolicies of={name} load={() => load(name)} command={command} none={m.things.effectiveNoneText} />;
}
