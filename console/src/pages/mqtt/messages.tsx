/** The messages that came. */
import Box from '@cloudscape-design/components/box';
import Button from '@cloudscape-design/components/button';
import Container from '@cloudscape-design/components/container';
import Header from '@cloudscape-design/components/header';
import SegmentedControl from '@cloudscape-design/components/segmented-control';
import SpaceBetween from '@cloudscape-design/components/space-between';
import StatusIndicator from '@cloudscape-design/components/status-indicator';
import TextFilter from '@cloudscape-design/components/text-filter';
import { useMemo, useRef, useState } from 'react';

import { clock, span } from '../../api/time';
import { m } from '../../messages';
import { count } from '../../messages/locale';
import { save } from '../../parts/feedback';
import { LongTable } from '../../parts/long-table';
import { exported, type Received } from './kept';
import { shown, type Form } from './topics';

/** What a filter looks at; made once a message, for there are many. */
const texts = new WeakMap<Received, string>();

function textOf(one: Received): string {
  let text = texts.get(one);
  if (text === undefined) texts.set(one, (text = `${one.topic}\n${shown(one.payload, 'text')}`));
  return text;
}

/** How payloads are shown, or typed. */
export function FormControl({ label, form, change }: { label: string; form: Form; change: (form: Form) => void }) {
  return (
    <SegmentedControl
      label={label}
      selectedId={form}
      onChange={({ detail }) => change(detail.selectedId as Form)}
      options={[
        { id: 'json', text: m.mqtt.json },
        { id: 'text', text: m.mqtt.text },
        { id: 'hex', text: m.mqtt.hex },
      ]}
    />
  );
}

export function Messages({ messages, clear }: { messages: readonly Received[]; clear: () => void }) {
  const [form, setForm] = useState<Form>('json');
  const [text, setText] = useState('');
  const [paused, setPaused] = useState<readonly Received[]>();
  const newest = useRef(0);
  newest.current = messages[0]?.number ?? 0;
  const all = paused ?? messages;
  const found = useMemo(() => (text ? all.filter((one) => textOf(one).includes(text)) : all), [all, text]);
  const missed = paused ? newest.current - (paused[0]?.number ?? 0) : 0;
  const columns = useMemo(
    () => [{ id: 'message', header: m.mqtt.message, min: 240, cell: (one: Received) => <Message message={one} form={form} /> }],
    [form],
  );
  return (
    <Container
      header={
        <Header
          variant="h2"
          counter={m.mqtt.messageCount(found.length, all.length)}
          actions={
            <SpaceBetween direction="horizontal" size="xs">
              <Button onClick={() => setPaused(paused ? undefined : messages)}>{paused ? m.mqtt.resume : m.mqtt.pause}</Button>
              <Button
                disabled={found.length === 0}
                onClick={() => save('messages.json', JSON.stringify(found.map(exported), null, 2), 'application/json')}
              >
                {m.mqtt.export}
              </Button>
              <Button
                onClick={() => {
                  setPaused(undefined);
                  clear();
                }}
              >
                {m.mqtt.clear}
              </Button>
            </SpaceBetween>
          }
        >
          {m.mqtt.messages}
        </Header>
      }
    >
      <SpaceBetween size="m">
        <FormControl label={m.mqtt.show} form={form} change={setForm} />
        <TextFilter
          filteringText={text}
          filteringPlaceholder={m.app.find}
          filteringAriaLabel={m.app.find}
          onChange={({ detail }) => setText(detail.filteringText)}
        />
        {missed > 0 && <StatusIndicator type="info">{m.mqtt.paused(missed)}</StatusIndicator>}
        {found.length === 0 ? (
          <Box color="text-body-secondary">{m.mqtt.noMessages}</Box>
        ) : (
          <LongTable label={m.mqtt.messages} rows={found} keyOf={(one) => one.number} columns={columns} estimate={110} />
        )}
      </SpaceBetween>
    </Container>
  );
}

/** MQTT 5 properties that the message has, by name. */
function facts({ properties }: Received): [string, string][] {
  const { contentType, responseTopic, correlationData, messageExpiryInterval, userProperties } = properties ?? {};
  const own = Object.entries(userProperties ?? {}).flatMap(([name, values]) => [values].flat().map((value) => `${name}=${value}`));
  const all: [string, string | undefined][] = [
    [m.mqtt.contentType, contentType],
    [m.mqtt.responseTopic, responseTopic],
    [m.mqtt.correlationData, correlationData && shown(correlationData, 'text')],
    [m.mqtt.userProperties, own.join(', ') || undefined],
  ];
  const given = all.filter((pair): pair is [string, string] => pair[1] !== undefined);
  return messageExpiryInterval === undefined ? given : [...given, [m.mqtt.expires, span(messageExpiryInterval * 1000)]];
}

function Message({ message, form }: { message: Received; form: Form }) {
  const { topic, at, qos, retain, payload } = message;
  const line = [clock(at), m.mqtt.qosOf(qos), m.mqtt.bytes(count(payload.length)), ...(retain ? [m.mqtt.retained] : [])];
  return (
    <article aria-label={topic}>
      <Box variant="awsui-key-label">
        <span className="token">{topic}</span>
      </Box>
      <Box color="text-body-secondary">{line.join(' · ')}</Box>
      {facts(message).map(([name, value]) => (
        <Box key={name} color="text-body-secondary">
          {name}: <span className="token">{value}</span>
        </Box>
      ))}
      <pre className="document">{shown(payload, form)}</pre>
    </article>
  );
}
