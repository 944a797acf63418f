/** What stands in the place of an empty list: how the first device comes here. */
import Box from '@cloudscape-design/components/box';
import Button from '@cloudscape-design/components/button';
import SegmentedControl from '@cloudscape-design/components/segmented-control';
import SpaceBetween from '@cloudscape-design/components/space-between';
import { useState, type ReactNode } from 'react';

import { health } from '../../api/health';
import { useLive } from '../../api/live';
import { about, endpoint } from '../../api/server';
import { m } from '../../messages';
import { Command } from '../../parts/feedback';
import { agent, mosquitto, mqttPortOf, withAdit, withAws } from './first-commands';

export function FirstDevice({ create }: { create: () => void }) {
  // Who may not ask for the server's health gets the usual port.
  const server = useLive('health', health, false);
  const ca = useLive('about', about, false).data?.ownCa;
  const at = [endpoint(), mqttPortOf(server.data?.listeners ?? [])] as const;
  return (
    <Box padding={{ vertical: 'l' }} textAlign="left">
      <SpaceBetween size="l">
        <div>
          <Box variant="strong">{m.things.first}</Box>
          <Box variant="p" color="text-body-secondary">
            {m.things.firstText}
          </Box>
        </div>
        <Ways
          title={m.things.firstRegister}
          label={m.things.firstWith}
          ways={[
            { id: 'adit', name: m.things.adit, command: withAdit() },
            { id: 'aws', name: m.things.aws, command: withAws() },
          ]}
        />
        <Ways
          title={m.things.firstDevice}
          text={m.things.firstDeviceText}
          label={m.things.firstProgram}
          action={
            ca && (
              <Button iconName="download" href="/console/ca.pem" download="ca.pem">
                {m.settings.caDownload}
              </Button>
            )
          }
          ways={[
            { id: 'agent', name: m.things.agent, command: agent(...at) },
            { id: 'mosquitto', name: m.things.mosquitto, command: mosquitto(...at) },
          ]}
        />
        <div>
          <Box variant="p">{m.things.firstOrForm}</Box>
          <Button onClick={create}>{m.things.create}</Button>
        </div>
      </SpaceBetween>
    </Box>
  );
}

interface Way {
  id: string;
  name: string;
  command: string;
}

interface WaysProps {
  title: string;
  text?: string;
  label: string;
  action?: ReactNode;
  ways: readonly Way[];
}

/** The same by several programs, one of them shown. */
function Ways({ title, text, label, action, ways }: WaysProps) {
  const [shown, setShown] = useState(ways[0]?.id ?? '');
  return (
    <SpaceBetween size="xs">
      <div>
        <Box variant="awsui-key-label">{title}</Box>
        {text && <Box color="text-body-secondary">{text}</Box>}
      </div>
      <SpaceBetween direction="horizontal" size="xs">
        <SegmentedControl
          label={label}
          selectedId={shown}
          options={ways.map(({ id, name }) => ({ id, text: name }))}
          onChange={({ detail }) => setShown(detail.selectedId)}
        />
        {action}
      </SpaceBetween>
      <Command text={ways.find(({ id }) => id === shown)?.command ?? ''} label={title} />
    </SpaceBetween>
  );
}
