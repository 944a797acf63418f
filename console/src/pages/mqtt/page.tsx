/** The MQTT test client. */
import Box from '@cloudscape-design/components/box';
import Button from '@cloudscape-design/components/button';
import Container from '@cloudscape-design/components/container';
import ContentLayout from '@cloudscape-design/components/content-layout';
import FormField from '@cloudscape-design/components/form-field';
import Header from '@cloudscape-design/components/header';
import Input from '@cloudscape-design/components/input';
import SegmentedControl from '@cloudscape-design/components/segmented-control';
import SpaceBetween from '@cloudscape-design/components/space-between';
import StatusIndicator from '@cloudscape-design/components/status-indicator';
import TextFilter from '@cloudscape-design/components/text-filter';
import TokenGroup from '@cloudscape-design/components/token-group';
import { useRef, useState, type FormEvent } from 'react';

import { clock } from '../../api/time';
import { m } from '../../messages';
import { save, useNotices } from '../../parts/feedback';
import { useMqtt, type Received } from './connection';
import { PublishForm, Qos } from './publish';
import { isFilter, shown, type Form } from './topics';

/** Messages drawn at once; a filter finds the others. */
const DRAWN = 100;

export default function MqttTest() {
  const mqtt = useMqtt();
  return (
    <ContentLayout
      header={
        <Header variant="h1" description={m.mqtt.description}>
          {m.mqtt.title}
        </Header>
      }
    >
      <SpaceBetween size="l">
        <Status {...mqtt} />
        <Subscribe {...mqtt} />
        <PublishForm connected={mqtt.connected} publish={mqtt.publish} />
        <Messages messages={mqtt.messages} clear={mqtt.clear} />
      </SpaceBetween>
    </ContentLayout>
  );
}

type Mqtt = ReturnType<typeof useMqtt>;

function Status({ connected, clientId, ended }: Mqtt) {
  if (connected) return <StatusIndicator type="success">{m.mqtt.connected(clientId)}</StatusIndicator>;
  if (ended) return <StatusIndicator type="error">{m.mqtt.ended(ended)}</StatusIndicator>;
  return <StatusIndicator type="in-progress">{m.mqtt.connecting}</StatusIndicator>;
}

function Subscribe({ connected, subscriptions, subscribe, unsubscribe }: Mqtt) {
  const { notice } = useNotices();
  const [filter, setFilter] = useState('');
  const [qos, setQos] = useState<0 | 1>(1);
  const [checked, setChecked] = useState(false);
  const bad = !isFilter(filter);
  const submit = async (event: FormEvent) => {
    event.preventDefault();
    setChecked(true);
    if (bad) return;
    if (!(await subscribe(filter, qos))) return notice('error', m.mqtt.refusedSubscribe(filter));
    setChecked(false);
    setFilter('');
  };
  return (
    <form onSubmit={(event) => void submit(event)}>
      <Container header={<Header variant="h2">{m.mqtt.subscribe}</Header>}>
        <SpaceBetween size="m">
          <FormField label={m.mqtt.filter} description={m.mqtt.filterHint} errorText={checked && bad ? m.mqtt.filterBad : undefined}>
            <Input value={filter} spellcheck={false} onChange={({ detail }) => setFilter(detail.value)} />
          </FormField>
          <Qos qos={qos} change={setQos} />
          <Button formAction="submit" disabled={!connected}>
            {m.mqtt.subscribe}
          </Button>
          <div>
            <Box variant="awsui-key-label">{m.mqtt.subscriptions}</Box>
            {subscriptions.length === 0 ? (
              <Box color="text-body-secondary">{m.mqtt.noSubscriptions}</Box>
            ) : (
              <TokenGroup
                items={subscriptions.map(({ filter, qos }) => ({
                  label: filter,
                  labelTag: m.mqtt.qosOf(qos),
                  dismissLabel: m.mqtt.unsubscribe(filter),
                }))}
                onDismiss={({ detail }) => unsubscribe(subscriptions[detail.itemIndex]?.filter ?? '')}
              />
            )}
          </div>
        </SpaceBetween>
      </Container>
    </form>
  );
}

function Messages({ messages, clear }: { messages: Received[]; clear: () => void }) {
  const [form, setForm] = useState<Form>('json');
  const [text, setText] = useState('');
  const [paused, setPaused] = useState<Received[]>();
  const newest = useRef(0);
  newest.current = messages[0]?.number ?? 0;
  const all = paused ?? messages;
  const found = all.filter(
    (one) => !text || one.topic.includes(text) || shown(one.payload, 'text').includes(text),
  );
  const missed = paused ? newest.current - (paused[0]?.number ?? 0) : 0;
  const exported = () => {
    const rows = found.map(({ at, topic, payload, qos, retain, properties }) => ({
      at: at.toISOString(),
      topic,
      qos,
      retain,
      payload: shown(payload, 'text'),
      properties: properties?.userProperties,
    }));
    save('messages.json', JSON.stringify(rows, null, 2), 'application/json');
  };
  return (
    <Container
      header={
        <Header
          variant="h2"
          counter={m.mqtt.messageCount(found.length, all.length)}
          actions={
            <SpaceBetween direction="horizontal" size="xs">
              <Button onClick={() => setPaused(paused ? undefined : messages)}>{paused ? m.mqtt.resume : m.mqtt.pause}</Button>
              <Button disabled={found.length === 0} onClick={exported}>
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
        <SegmentedControl
          label={m.mqtt.show}
          selectedId={form}
          onChange={({ detail }) => setForm(detail.selectedId as Form)}
          options={[
            { id: 'json', text: m.mqtt.json },
            { id: 'text', text: m.mqtt.text },
            { id: 'hex', text: m.mqtt.hex },
          ]}
        />
        <TextFilter
          filteringText={text}
          filteringPlaceholder={m.app.find}
          filteringAriaLabel={m.app.find}
          onChange={({ detail }) => setText(detail.filteringText)}
        />
        {missed > 0 && <StatusIndicator type="info">{m.mqtt.paused(missed)}</StatusIndicator>}
        {found.length === 0 && <Box color="text-body-secondary">{m.mqtt.noMessages}</Box>}
        {found.slice(0, DRAWN).map((one) => (
          <Message key={one.number} message={one} form={form} />
        ))}
      </SpaceBetween>
    </Container>
  );
}

function Message({ message, form }: { message: Received; form: Form }) {
  const { topic, at, qos, retain, payload, properties } = message;
  const facts = [clock(at), m.mqtt.qosOf(qos), ...(retain ? [m.mqtt.retained] : [])];
  const more = Object.entries(properties?.userProperties ?? {}).map(([name, value]) => `${name}=${String(value)}`);
  return (
    <article aria-label={topic}>
      <Box variant="awsui-key-label">
        <span className="token">{topic}</span>
      </Box>
      <Box color="text-body-secondary">{[...facts, ...more].join(' · ')}</Box>
      <pre className="document">{shown(payload, form)}</pre>
    </article>
  );
}
