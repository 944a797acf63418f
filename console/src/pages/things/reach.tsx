/** From a thing to a tunnel: a new one, or the newest that is open. */
import Alert from '@cloudscape-design/components/alert';
import RadioGroup from '@cloudscape-design/components/radio-group';
import { useState } from 'react';

import { each, useLive } from '../../api/live';
import { m } from '../../messages';
import { Trouble } from '../../parts/feedback';
import { FormDialog } from '../../parts/form';
import { go, href } from '../../router';
import { describeTunnel, free, isOpen, listTunnels, openTunnel, rotate, rotateCommand } from '../tunnels/data';
import { BLANK, commandOf, inputOf } from '../tunnels/draft';

/** Open tunnels that are looked at. */
const LOOKED_AT = 8;

/** Opens the terminal of a thing: through the newest tunnel that nobody uses, else through a new one. */
export async function connectTo(thing: string): Promise<void> {
  const open = (await listTunnels(thing)).filter(isOpen).slice(0, LOOKED_AT);
  const found = free(await each(open, 4, ({ tunnelId = '' }) => describeTunnel(tunnelId)));
  if (!found?.tunnelId) return go(href(['tunnels', await openTunnel(inputOf({ ...BLANK, thing }))], { show: 'terminal' }));
  // A device that is not there any more is told anew; one that is stays as it is.
  const there = found.destinationConnectionState?.status === 'CONNECTED';
  await rotate(found, there ? 'SOURCE' : 'ALL');
  go(href(['tunnels', found.tunnelId], { show: 'terminal' }));
}

export function ReachDialog({ thing, dismiss }: { thing: string; dismiss: () => void }) {
  const tunnels = useLive(`reach ${thing}`, () => listTunnels(thing), false);
  const newest = tunnels.data?.find(isOpen);
  const [choice, setChoice] = useState<'new' | 'existing'>('new');
  const existing = choice === 'existing' ? newest?.tunnelId : undefined;
  const work = async () => {
    if (existing) await rotate(await describeTunnel(existing), 'ALL');
  };
  const there = { tunnelId: existing, destinationConfig: { thingName: thing, services: ['SSH'] } };
  return (
    <FormDialog
      title={m.things.tunnelTitle(thing)}
      button={m.app.next}
      command={existing ? rotateCommand(there, 'ALL') : commandOf({ ...BLANK, thing })}
      bad={false}
      work={work}
      done={() => go(existing ? href(['tunnels', existing]) : href(['tunnels', 'create'], { thing }))}
      dismiss={dismiss}
    >
      {() => (
        <>
          {tunnels.error !== undefined && <Trouble error={tunnels.error} />}
          <RadioGroup
            ariaLabel={m.things.tunnelTitle(thing)}
            value={choice}
            onChange={({ detail }) => setChoice(detail.value === 'existing' ? 'existing' : 'new')}
            items={[
              { value: 'new', label: m.things.newTunnel, description: m.things.newTunnelText },
              {
                value: 'existing',
                label: m.things.existing,
                description: newest?.tunnelId ? m.things.existingText(newest.tunnelId) : m.things.noExisting,
                disabled: !newest,
              },
            ]}
          />
          {existing && <Alert type="info">{m.tokens.rotateText}</Alert>}
        </>
      )}
    </FormDialog>
  );
}
