/** How the server does, kept up to date. */
import Box from '@cloudscape-design/components/box';
import Container from '@cloudscape-design/components/container';
import Header from '@cloudscape-design/components/header';
import KeyValuePairs from '@cloudscape-design/components/key-value-pairs';
import Spinner from '@cloudscape-design/components/spinner';
import StatusIndicator from '@cloudscape-design/components/status-indicator';

import { curl } from '../../api/command';
import { health, type Health } from '../../api/health';
import { useLive } from '../../api/live';
import { moment, span } from '../../api/time';
import { m } from '../../messages';
import { count } from '../../messages/locale';
import { Token } from '../../parts/detail';
import { Said, SameOnCommandLine, Trouble } from '../../parts/feedback';

export function HealthBox() {
  const live = useLive('health', health);
  return (
    <Container
      header={<Header variant="h2">{m.health.title}</Header>}
      footer={<SameOnCommandLine command={curl('/adit/health', {})} />}
    >
      {live.error !== undefined && <Trouble error={live.error} retry={live.refresh} />}
      {live.data ? <Facts of={live.data} /> : live.error === undefined && <Spinner />}
    </Container>
  );
}

function Facts({ of }: { of: Health }) {
  const { tunnels, store } = of;
  return (
    <KeyValuePairs
      columns={3}
      minColumnWidth={180}
      items={[
        { label: m.health.state, value: <Ready of={of} /> },
        { label: m.health.started, value: moment(new Date(of.startedAt * 1000)) },
        { label: m.health.uptime, value: span(of.uptimeSeconds * 1000) },
        { label: m.health.node, value: <Token>{of.node}</Token> },
        { label: m.health.connections, value: count(of.connections) },
        { label: m.health.mqttClients, value: count(of.mqttClients) },
        { label: m.health.tunnels, value: count(tunnels.open) },
        {
          label: m.health.sides,
          value: m.health.sidesOf(count(tunnels.sourcesConnected), count(tunnels.destinationsConnected)),
        },
        { label: m.health.store, value: <Store of={store} /> },
        { label: m.health.commits, value: m.health.commitsOf(count(store.commits), count(store.transactions)) },
        { label: m.health.failures, value: count(store.failures) },
        {
          label: m.health.listeners,
          value: of.listeners.map(({ address, tls, serve }) => (
            <div key={address}>
              <Token>{address}</Token>{' '}
              <Box variant="small">{[tls ? m.health.tls : m.health.plain, ...serve.map(servedOf)].join(', ')}</Box>
            </div>
          )),
        },
      ]}
    />
  );
}

/** The words for a state; one that a newer server has is shown as it is. */
function phaseOf(phase: string): string {
  return (m.health.phases as Record<string, string>)[phase] ?? phase;
}

function servedOf(what: string): string {
  return (m.health.served as Record<string, string>)[what] ?? what;
}

function Ready({ of: { ready, phase } }: { of: Health }) {
  const text = ready ? phaseOf(phase) : `${phaseOf(phase)}, ${m.health.notReady}`;
  return <StatusIndicator type={ready ? 'success' : 'warning'}>{text}</StatusIndicator>;
}

function Store({ of: { writable, error } }: { of: Health['store'] }) {
  if (writable) return <StatusIndicator type="success">{m.health.writable}</StatusIndicator>;
  return (
    <>
      <StatusIndicator type="error">{m.health.notWritable}</StatusIndicator>
      {error && <Said>{error}</Said>}
    </>
  );
}
