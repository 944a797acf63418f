/** What several pages show of a tunnel. */
import StatusIndicator from '@cloudscape-design/components/status-indicator';

import { span } from '../../api/time';
import { m } from '../../messages';
import { endOf, endsSoon, isOpen, type Tunnel } from './data';

export function Status({ status }: { status: string | undefined }) {
  return status === 'OPEN' ? (
    <StatusIndicator type="success">{m.tunnels.open}</StatusIndicator>
  ) : (
    <StatusIndicator type="stopped">{m.tunnels.closed}</StatusIndicator>
  );
}

export function Side({ status }: { status: string | undefined }) {
  if (!status) return <>–</>;
  return status === 'CONNECTED' ? (
    <StatusIndicator type="success">{m.tunnels.connected}</StatusIndicator>
  ) : (
    <StatusIndicator type="pending" colorOverride="grey">
      {m.tunnels.disconnected}
    </StatusIndicator>
  );
}

export function TimeLeft({ tunnel, now }: { tunnel: Tunnel; now: number }) {
  const end = endOf(tunnel);
  if (!isOpen(tunnel) || end === undefined) return <>{m.tunnels.over}</>;
  const text = span(end - now);
  if (!endsSoon(tunnel, now)) return <>{text}</>;
  return (
    <StatusIndicator type="warning" iconAriaLabel={m.tunnels.soon}>
      {text}
    </StatusIndicator>
  );
}
