/** The audit log. */
import Button from '@cloudscape-design/components/button';
import KeyValuePairs from '@cloudscape-design/components/key-value-pairs';
import Link from '@cloudscape-design/components/link';
import StatusIndicator from '@cloudscape-design/components/status-indicator';

import { auditEvents, whoOf, type AuditEvent, type AuditQuery } from '../api/audit';
import { curl } from '../api/command';
import { useListing } from '../api/listing';
import { moment } from '../api/time';
import { m } from '../messages';
import { Token } from '../parts/detail';
import { Said, save } from '../parts/feedback';
import { Filters } from '../parts/filters';
import { LongPage, useLiveness } from '../parts/long-page';
import type { LongColumn } from '../parts/long-table';
import { useView } from '../parts/table';
import { href } from '../router';

/** Events of a page. */
const PAGE = 250;

const FIELDS = [
  { name: 'action', label: m.audit.action, hint: m.audit.actionHint },
  { name: 'principal', label: m.audit.principal, hint: m.audit.principalHint },
  { name: 'resource', label: m.audit.resource, hint: m.audit.resourceHint },
  { name: 'ipAddress', label: m.audit.address, hint: m.audit.addressHint },
] as const;

type Name = (typeof FIELDS)[number]['name'];

const COLUMNS: LongColumn<AuditEvent>[] = [
  { id: 'when', header: m.audit.when, min: 194, grow: 0, cell: (row) => moment(row.at) },
  { id: 'action', header: m.audit.action, min: 150, grow: 1, cell: (row) => <Token>{row.action}</Token> },
  { id: 'result', header: m.audit.result, min: 100, grow: 1, cell: (row) => <Result of={row} /> },
  { id: 'principal', header: m.audit.principal, min: 110, grow: 1, cell: (row) => <Token>{whoOf(row.principal) ?? '–'}</Token> },
  { id: 'resource', header: m.audit.resource, min: 190, grow: 2, cell: (row) => <Token>{whoOf(row.resource) ?? '–'}</Token> },
  { id: 'address', header: m.audit.address, min: 116, grow: 0, cell: (row) => row.ipAddress ?? '–' },
];

function Result({ of }: { of: AuditEvent }) {
  if (of.result === 'ok') return <StatusIndicator type="success">{m.audit.ok}</StatusIndicator>;
  return (
    <StatusIndicator type={of.action === 'TunnelDisconnect' ? 'info' : 'error'}>
      <Said>{of.result}</Said>
    </StatusIndicator>
  );
}

export default function Audit() {
  const view = useView('');
  const liveness = useLiveness();
  const values: Record<Name | 'failed', string> = {
    action: view.get('action'),
    principal: view.get('principal'),
    resource: view.get('resource'),
    ipAddress: view.get('ipAddress'),
    failed: view.get('failed'),
  };
  const { failed, ...exact } = values;
  const given = Object.entries(exact).filter(([, value]) => value);
  const query: AuditQuery = { ...Object.fromEntries(given), ...(failed === 'true' ? { failed } : {}) };
  const filtered = new URLSearchParams({ ...query }).toString();
  const listing = useListing<AuditEvent>(`audit ${filtered}`, {
    ask: (nextToken) => auditEvents(query, PAGE, nextToken),
    id: (row) => row.sequence,
    live: liveness.live,
  });
  const rows = listing.rows ?? [];
  return (
    <LongPage<AuditEvent>
      texts={m.audit}
      liveness={liveness}
      listing={listing}
      rows={rows}
      filtered={filtered}
      filters={
        <Filters fields={FIELDS} flag={{ name: 'failed', label: m.audit.failed }} values={values} set={view.set} />
      }
      actions={
        <Button iconName="download" disabled={rows.length === 0} onClick={() => exported(rows)}>
          {m.audit.export}
        </Button>
      }
      command={curl('/adit/audit-events', { maxResults: String(PAGE), ...query })}
      keyOf={(row) => row.sequence}
      columns={COLUMNS}
      details={{ of: (row) => <Details of={row} />, name: (row) => m.audit.event(row.action, moment(row.at)) }}
    />
  );
}

/** One a line, with times as ISO 8601 has them. */
function exported(rows: readonly AuditEvent[]): void {
  const lines = rows.map((row) => `${JSON.stringify(row)}\n`);
  save('audit.jsonl', lines.join(''), 'application/jsonl');
}

/** A value, and the way to all events that have it. */
function Only({ name, value }: { name: Name; value: string | undefined }) {
  if (!value) return <>–</>;
  return (
    <Link href={href(['audit'], { [name]: value })} ariaLabel={m.longTable.only(value)}>
      <Token>{value}</Token>
    </Link>
  );
}

function Details({ of }: { of: AuditEvent }) {
  return (
    <KeyValuePairs
      columns={3}
      items={[
        { label: m.audit.when, value: <Token>{of.at.toISOString()}</Token> },
        { label: m.audit.action, value: <Only name="action" value={of.action} /> },
        { label: m.audit.result, value: <Said>{of.result}</Said> },
        { label: m.audit.principal, value: <Only name="principal" value={of.principal} /> },
        { label: m.audit.resource, value: <Only name="resource" value={of.resource} /> },
        { label: m.audit.address, value: <Only name="ipAddress" value={of.ipAddress} /> },
        { label: m.audit.detail, value: <Token>{of.detail ?? '–'}</Token> },
        { label: m.audit.requestId, value: <Token>{of.requestId ?? '–'}</Token> },
        { label: m.audit.sequence, value: of.sequence },
      ]}
    />
  );
}
