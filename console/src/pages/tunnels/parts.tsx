/** What several pages show of a tunnel. */

import { span } from '../../api/time';
import { m } from '../../messages';
import { endOf, endsSoon, isOpen, type Tunnel } from './data';
import { StatusWord } from '../../parts/whole';

export function Status({ status }: { status: string | undefined }) {
  return status === 'OPEN' ? (
    <StatusWord type="success">{m.tunnels.open}</StatusWord>
  ) : (
    <StatusWord type="stopped">{m.tunnels.closed}</StatusWord>
  );
}

export function Side({ status }: { status: string | undefined }) {
  if (!status) return <>–</>;
  return status === 'CONNECTED' ? (
    <StatusWord type="success">{m.tunnels.connected}</StatusWord>
  ) : (
    <StatusWord type="pending" colorOverride="grey">
      {m.tunnels.disconnected}
    </StatusWord>
  );
}

export function TimeLeft({ tunnel, now }: { tunnel: Tunnel; now: number }) {
  const end = endOf(tunnel);
  if (!isOpen(tunnel) || end === undefined) return <>{m.tunnels.over}</>;
  const text = span(end - now);
  if (!endsSoon(tunnel, now)) return <>{text}</>;
  return (
    <StatusWord type="warning" iconAriaLabel={m.tunnels.soon}>
      {text}
    </StatusWord>
  );
}
