/** Closing, deleting and rotating. */
import { CloseTunnelCommand, type ClientMode } from '@aws-sdk/client-iotsecuretunneling';
import Alert from '@cloudscape-design/components/alert';
import Box from '@cloudscape-design/components/box';
import Button from '@cloudscape-design/components/button';
import FormField from '@cloudscape-design/components/form-field';
import Modal from '@cloudscape-design/components/modal';
import RadioGroup from '@cloudscape-design/components/radio-group';
import SpaceBetween from '@cloudscape-design/components/space-between';
import { useState } from 'react';

import { clients } from '../../api/clients';
import { aws } from '../../api/command';
import { textOf } from '../../api/errors';
import { each } from '../../api/live';
import { m } from '../../messages';
import { SameOnCommandLine, Trouble, useNotices } from '../../parts/feedback';
import { isOpen, rotate, type Tokens, type Tunnel } from './data';

export interface Removal {
  kind: 'close' | 'delete';
  tunnels: Tunnel[];
}

export function RemoveDialog({ removal, done, dismiss }: { removal: Removal; done: () => void; dismiss: () => void }) {
  const { notice } = useNotices();
  const [busy, setBusy] = useState(false);
  const deletes = removal.kind === 'delete';
  const tunnels = deletes ? removal.tunnels : removal.tunnels.filter(isOpen);
  const command = tunnels
    .map((tunnel) => aws('iotsecuretunneling', 'close-tunnel', { 'tunnel-id': tunnel.tunnelId, delete: deletes }))
    .join('\n');
  const work = async () => {
    setBusy(true);
    const failures = await each(tunnels, 4, ({ tunnelId }) =>
      clients()
        .tunnels.send(new CloseTunnelCommand({ tunnelId, ...(deletes ? { delete: true } : {}) }))
        .then(
          () => undefined,
          (error: unknown) => `${tunnelId}: ${textOf(error)}`,
        ),
    );
    const failed = failures.filter((text) => text !== undefined);
    if (failed.length > 0) notice('error', failed.join('\n'), m.tunnels.someFailed(failed.length, tunnels.length));
    const good = tunnels.length - failed.length;
    if (good > 0) notice('success', deletes ? m.tunnels.deletedNow(good) : m.tunnels.closedNow(good));
    done();
  };
  return (
    <Modal
      visible
      onDismiss={dismiss}
      header={deletes ? m.tunnels.deleteTitle(tunnels.length) : m.tunnels.closeTitle(tunnels.length)}
      footer={
        <Box float="right">
          <SpaceBetween direction="horizontal" size="xs">
            <Button variant="link" onClick={dismiss}>
              {m.app.cancel}
            </Button>
            <Button variant="primary" loading={busy} onClick={() => void work()}>
              {deletes ? m.app.remove : m.app.close}
            </Button>
          </SpaceBetween>
        </Box>
      }
    >
      <SpaceBetween size="s">
        <Alert type="warning">{deletes ? m.tunnels.deleteText : m.tunnels.closeText}</Alert>
        <ul>
          {tunnels.map((tunnel) => (
            <li key={tunnel.tunnelId}>
              {[tunnel.tunnelId, tunnel.destinationConfig?.thingName, tunnel.description].filter(Boolean).join(' · ')}
            </li>
          ))}
        </ul>
        <SameOnCommandLine command={command} />
      </SpaceBetween>
    </Modal>
  );
}

interface RotateProps {
  tunnel: Tunnel;
  done: (tokens: Tokens, side: ClientMode) => void;
  dismiss: () => void;
}

export function RotateDialog({ tunnel, done, dismiss }: RotateProps) {
  const [side, setSide] = useState<ClientMode>('ALL');
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>();
  const { thingName, services } = tunnel.destinationConfig ?? {};
  const toDevice = side !== 'SOURCE' && thingName ? `thingName=${thingName},services=${services?.join(',')}` : undefined;
  const command = aws('iotsecuretunneling', 'rotate-tunnel-access-token', {
    'tunnel-id': tunnel.tunnelId,
    'client-mode': side,
    'destination-config': toDevice,
  });
  const work = () => {
    setBusy(true);
    rotate(tunnel, side).then(
      (tokens) => done(tokens, side),
      (failure: unknown) => {
        setError(failure);
        setBusy(false);
      },
    );
  };
  return (
    <Modal
      visible
      onDismiss={dismiss}
      header={m.tokens.rotateTitle}
      footer={
        <Box float="right">
          <SpaceBetween direction="horizontal" size="xs">
            <Button variant="link" onClick={dismiss}>
              {m.app.cancel}
            </Button>
            <Button variant="primary" loading={busy} onClick={work}>
              {m.tokens.generate}
            </Button>
          </SpaceBetween>
        </Box>
      }
    >
      <SpaceBetween size="s">
        {error !== undefined && <Trouble error={error} />}
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
        <SameOnCommandLine command={command} />
      </SpaceBetween>
    </Modal>
  );
}
