/** What a thing's devices may do: the policies of its certificates and of its groups. */
import { aws } from '../../api/command';
import { each, useLive } from '../../api/live';
import { m } from '../../messages';
import { EffectivePolicies, policiesFor, type Way } from '../../parts/effective';
import { certificateIdOf, principalsOf } from './data';

interface Loaded {
  ways: Way[];
  principals: string[];
}

async function load(thingName: string): Promise<Loaded> {
  const principals = await principalsOf(thingName);
  const ways = await each(['', ...principals], 4, async (principal) => ({
    through: principal ? (certificateIdOf(principal)?.slice(0, 16) ?? principal) : m.things.throughGroups,
    policies: await policiesFor(principal ? { principal } : { thingName }),
  }));
  return { ways, principals };
}

export function Policies({ name }: { name: string }) {
  const live = useLive(`effective policies of ${name}`, () => load(name));
  return (
    <EffectivePolicies
      live={live}
      ways={live.data?.ways}
      command={aws('iot', 'get-effective-policies', { 'thing-name': name, principal: live.data?.principals[0] })}
      none={m.things.effectiveNoneText}
    />
  );
}
