/** Closing, deleting and rotating. */
import { CloseTunnelCommand, type ClientMode } from '@aws-sdk/client-iotsecuretunneling';
import Alert from '@cloudscape-design/components/alert';
import Box from '@cloudscape-design/components/box';
import FormField from '@cloudscape-design/components/form-field';
import RadioGroup from '@cloudscape-design/components/radio-group';
import { useState } from 'react';

import { clients } from '../../api/clients';
import { aws } from '../../api/command';
import { textOf } from '../../api/errors';
import { each } from '../../api/live';
import { m } from '../../messages';
import { Confirm } from '../../parts/confirm';
import { useNotices } from '../../parts/feedback';
import { FormDialog } from '../../parts/form';
import { isOpen, rotate, rotateCommand, type Tokens, type Tunnel } from './data';

export interface Removal {
  kind: 'close' | 'delete';
  tunnels: Tunnel[];
}

/** What went wrong with a tunnel, if something did. */
function remove({ tunnelId }: Tunnel, deletes: boolean): Promise<string | undefined> {
  const input = { tunnelId, ...(deletes ? { delete: true } : {}) };
  return clients()
    .tunnels.send(new CloseTunnelCommand(input))
    .then(
      () => undefined,
      (error: unknown) => `${tunnelId}: ${textOf(error)}`,
    );
}

export function RemoveDialog({ removal, done, dismiss }: { removal: Removal; done: () => void; dismiss: () => void }) {
  const { notice } = useNotices();
  const deletes = removal.kind === 'delete';
  const tunnels = deletes ? removal.tunnels : removal.tunnels.filter(isOpen);
  const command = tunnels
    .map((tunnel) => aws('iotsecuretunneling', 'close-tunnel', { 'tunnel-id': tunnel.tunnelId, delete: deletes }))
    .join('\n');
  const work = async () => {
    const failed = (await each(tunnels, 4, (tunnel) => remove(tunnel, deletes))).filter((text) => text !== undefined);
    if (failed.length > 0) notice('error', failed.join('\n'), m.tunnels.someFailed(failed.length, tunnels.length));
    const good = tunnels.length - failed.length;
    if (good > 0) notice('success', deletes ? m.tunnels.deletedNow(good) : m.tunnels.closedNow(good));
  };
  return (
    <Confirm
      title={deletes ? m.tunnels.deleteTitle(tunnels.length) : m.tunnels.closeTitle(tunnels.length)}
      button={deletes ? m.app.remove : m.app.close}
      command={command}
      work={work}
      done={done}
      dismiss={dismiss}
    >
      <Alert type="warning">{deletes ? m.tunnels.deleteText : m.tunnels.closeText}</Alert>
      <ul>
        {tunnels.map((tunnel) => (
          <li key={tunnel.tunnelId}>
            {[tunnel.tunnelId, tunnel.destinationConfig?.thingName, tunnel.description].filter(Boolean).join(' · ')}
          </li>
        ))}
      </ul>
    </Confirm>
  );
}

interface RotateProps {
  tunnel: Tunnel;
  done: (tokens: Tokens, side: ClientMode) => void;
  dismiss: () => void;
}

export function RotateDialog({ tunnel, done, dismiss }: RotateProps) {
  const [side, setSide] = useState<ClientMode>('ALL');
  return (
    <FormDialog
      title={m.tokens.rotateTitle}
      button={m.tokens.generate}
      command={rotateCommand(tunnel, side)}
      bad={false}
      work={() => rotate(tunnel, side)}
      done={(tokens) => done(tokens, side)}
      dismiss={dismiss}
    >
      {() => (
        <>
          <Box variant="p">{m.tokens.rotateText}</Box>
          <FormField label={m.tokens.side}>
            <RadioGroup
              value={side}
              onChange={({ detail }) => setSide(detail.value as ClientMode)}
              items={[
                { value: 'ALL', label: m.tokens.both },
                { value: 'SOURCE', label: m.tokens.sourceOnly },
                { value: 'DESTINATION', label: m.tokens.destinationOnly },
              ]}
            />
          </FormField>
        </>
      )}
    </FormDialog>
  );
}
