/** From a thing to a tunnel: a new one, or the newest that is open. */
import Alert from '@cloudscape-design/components/alert';
import Box from '@cloudscape-design/components/box';
import Button from '@cloudscape-design/components/button';
import Modal from '@cloudscape-design/components/modal';
import RadioGroup from '@cloudscape-design/components/radio-group';
import SpaceBetween from '@cloudscape-design/components/space-between';
import { useState } from 'react';

import { useLive } from '../../api/live';
import { m } from '../../messages';
import { Trouble } from '../../parts/feedback';
import { go, href } from '../../router';
import { describeTunnel, isOpen, listTunnels, rotate } from '../tunnels/data';

export function ReachDialog({ thing, dismiss }: { thing: string; dismiss: () => void }) {
  const tunnels = useLive(`reach ${thing}`, () => listTunnels(thing), false);
  const newest = tunnels.data?.find(isOpen);
  const [choice, setChoice] = useState<'new' | 'existing'>('new');
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>();
  const next = async () => {
    if (choice === 'new' || !newest?.tunnelId) return go(href(['tunnels', 'create'], { thing }));
    setBusy(true);
    try {
      await rotate(await describeTunnel(newest.tunnelId), 'ALL');
      go(href(['tunnels', newest.tunnelId]));
    } catch (failure) {
      setError(failure);
      setBusy(false);
    }
  };
  return (
    <Modal
      visible
      onDismiss={dismiss}
      header={m.things.tunnelTitle(thing)}
      footer={
        <Box float="right">
          <SpaceBetween direction="horizontal" size="xs">
            <Button variant="link" onClick={dismiss}>
              {m.app.cancel}
            </Button>
            <Button variant="primary" loading={busy} onClick={() => void next()}>
              {m.app.next}
            </Button>
          </SpaceBetween>
        </Box>
      }
    >
      <SpaceBetween size="s">
        {error !== undefined && <Trouble error={error} />}
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
        {choice === 'existing' && <Alert type="info">{m.tokens.rotateText}</Alert>}
      </SpaceBetween>
    </Modal>
  );
}
