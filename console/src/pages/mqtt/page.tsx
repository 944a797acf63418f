/** The MQTT test client. */
import Box from '@cloudscape-design/components/box';
import Button from '@cloudscape-design/components/button';
import Container from '@cloudscape-design/components/container';
import ContentLayout from '@cloudscape-design/components/content-layout';
import FormField from '@cloudscape-design/components/form-field';
import Header from '@cloudscape-design/components/header';
import Input from '@cloudscape-design/components/input';
import SpaceBetween from '@cloudscape-design/components/space-between';
import StatusIndicator from '@cloudscape-design/components/status-indicator';
import TokenGroup from '@cloudscape-design/components/token-group';
import { useState, type FormEvent } from 'react';

import { m } from '../../messages';
import { useNotices } from '../../parts/feedback';
import { useMqtt } from './connection';
import { Messages } from './messages';
import { PublishForm, Qos, Refused } from './publish';
import { isFilter } from './topics';

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
        <PublishForm clientId={mqtt.clientId} connected={mqtt.connected} publish={mqtt.publish} />
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

function Subscribe({ clientId, connected, subscriptions, subscribe, unsubscribe }: Mqtt) {
  const { notice } = useNotices();
  const [filter, setFilter] = useState('');
  const [qos, setQos] = useState<0 | 1>(1);
  const [checked, setChecked] = useState(false);
  const bad = !isFilter(filter);
  const submit = async (event: FormEvent) => {
    event.preventDefault();
    setChecked(true);
    if (bad) return;
    if (!(await subscribe(filter, qos))) return notice('error', <Refused text={m.mqtt.refusedSubscribe(filter)} clientId={clientId} />);
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
