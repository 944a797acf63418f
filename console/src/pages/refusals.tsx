/** Who was turned away lately, and why. */
import Button from '@cloudscape-design/components/button';
import KeyValuePairs from '@cloudscape-design/components/key-value-pairs';
import Link from '@cloudscape-design/components/link';

import { refusals, type Refusal, type RefusalQuery } from '../api/adit';
import { quoted } from '../api/command';
import { useListing } from '../api/listing';
import { moment } from '../api/time';
import { m } from '../messages';
import { count } from '../messages/locale';
import { Token } from '../parts/detail';
import { Said, save } from '../parts/feedback';
import { Filters } from '../parts/filters';
import { LongPage, useLiveness } from '../parts/long-page';
import type { LongColumn } from '../parts/long-table';
import { arrange, useView } from '../parts/table';
import { href } from '../router';
import { simulatorFor } from './security/questions';

/** What the server looks for, and the options of `adit why` that do so. */
const FIELDS = [
  { name: 'thingName', label: m.refusals.thing, hint: m.refusals.thingHint, option: '--thing' },
  { name: 'clientId', label: m.refusals.client, hint: '', option: '--client-id' },
  { name: 'certificateId', label: m.refusals.certificate, hint: m.refusals.certificateHint, option: '--certificate' },
  { name: 'ipAddress', label: m.refusals.address, hint: m.audit.addressHint, option: '--address' },
] as const;

const COLUMNS: LongColumn<Refusal>[] = [
  { id: 'when', header: m.refusals.when, min: 194, grow: 0, cell: (row) => moment(row.at) },
  { id: 'count', header: m.refusals.count, min: 70, grow: 0, cell: (row) => count(row.count) },
  { id: 'stage', header: m.refusals.stage, min: 120, grow: 0, cell: (row) => stageOf(row.stage) },
  { id: 'why', header: m.refusals.why, min: 240, grow: 3, cell: (row) => <Said>{row.reason}</Said> },
  { id: 'thing', header: m.refusals.thing, min: 100, grow: 1, cell: (row) => <Thing name={row.thingName} /> },
  { id: 'client', header: m.refusals.client, min: 100, grow: 1, cell: (row) => <Token>{row.clientId ?? '–'}</Token> },
  { id: 'address', header: m.refusals.address, min: 116, grow: 0, cell: (row) => row.ipAddress ?? '–' },
];

/** The words for a stage; one that a newer server has is shown as it is. */
export function stageOf(stage: string): string {
  return (m.refusals.stages as Record<string, string>)[stage] ?? stage;
}

/** What stays the same of a refusal that repeats. */
function keyOf(row: Refusal): string {
  const { stage, text, action, certificateId, clientId, ipAddress, principal, resource, thingName } = row;
  return JSON.stringify([stage, text, action, certificateId, clientId, ipAddress, principal, resource, thingName]);
}

export default function Refusals() {
  const view = useView('');
  const liveness = useLiveness();
  const asked = FIELDS.map(({ name, option }) => ({ name, option, value: view.get(name) }));
  const given = asked.filter(({ value }) => value);
  const query = Object.fromEntries(given.map(({ name, value }) => [name, value])) as RefusalQuery;
  const listing = useListing<Refusal>(`refusals ${JSON.stringify(query)}`, {
    ask: (nextToken) => refusals(query, nextToken),
    id: keyOf,
    version: (row) => `${keyOf(row)} ${row.count}`,
    live: liveness.live,
  });
  const stage = view.get('stage');
  const all = (listing.rows ?? []).filter((row) => !stage || row.stage === stage);
  const rows = arrange<Refusal>(all, view, (row) => [row.text, row.reason, row.thingName, row.clientId, row.ipAddress, row.certificateId], {});
  const values = { ...Object.fromEntries(asked.map(({ name, value }) => [name, value])), filter: view.text, stage };
  return (
    <LongPage<Refusal>
      texts={m.refusals}
      liveness={liveness}
      listing={listing}
      rows={rows}
      filtered={Object.values(values).some(Boolean) ? JSON.stringify(values) : ''}
      filters={
        <Filters
          fields={[...FIELDS, { name: 'filter', label: m.refusals.words, hint: m.refusals.wordsHint }]}
          choice={{
            name: 'stage',
            label: m.refusals.stage,
            any: m.refusals.anyStage,
            options: Object.entries(m.refusals.stages).map(([value, label]) => ({ value, label })),
          }}
          values={values}
          set={view.set}
        />
      }
      actions={
        <Button
          iconName="download"
          disabled={rows.length === 0}
          onClick={() => save('refusals.jsonl', rows.map((row) => `${JSON.stringify(row)}\n`).join(''), 'application/jsonl')}
        >
          {m.audit.export}
        </Button>
      }
      command={['adit why --follow', ...given.map(({ option, value }) => `${option} ${quoted(value)}`)].join(' ')}
      keyOf={keyOf}
      columns={COLUMNS}
      details={{ of: (row) => <Details of={row} />, name: (row) => m.audit.event(row.reason, moment(row.at)) }}
    />
  );
}

function Thing({ name }: { name: string | undefined }) {
  return name ? <Link href={href(['things', name])}>{name}</Link> : <>–</>;
}

function Details({ of }: { of: Refusal }) {
  const again = simulatorFor(of);
  return (
    <KeyValuePairs
      columns={3}
      minColumnWidth={180}
      items={[
        { label: m.refusals.what, value: <Said>{of.text}</Said> },
        { label: m.refusals.first, value: moment(of.firstAt) },
        { label: m.refusals.when, value: moment(of.at) },
        { label: m.refusals.action, value: <Token>{of.action ?? '–'}</Token> },
        { label: m.refusals.resource, value: <Token>{of.resource ?? '–'}</Token> },
        { label: m.refusals.principal, value: <Token>{of.principal ?? '–'}</Token> },
        {
          label: m.refusals.certificate,
          value: of.certificateId ? (
            <Link href={href(['certificates', of.certificateId])}>
              <Token>{of.certificateId}</Token>
            </Link>
          ) : (
            '–'
          ),
        },
        { label: m.policies.simulator, value: again ? <Link href={again}>{m.policies.simulate}</Link> : '–' },
      ]}
    />
  );
}
