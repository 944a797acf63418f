/** Publishing a message, with what MQTT 5 has to say about it. */
import Button from '@cloudscape-design/components/button';
import Checkbox from '@cloudscape-design/components/checkbox';
import Container from '@cloudscape-design/components/container';
import ExpandableSection from '@cloudscape-design/components/expandable-section';
import FormField from '@cloudscape-design/components/form-field';
import Header from '@cloudscape-design/components/header';
import Input from '@cloudscape-design/components/input';
import Link from '@cloudscape-design/components/link';
import RadioGroup from '@cloudscape-design/components/radio-group';
import SpaceBetween from '@cloudscape-design/components/space-between';
import Textarea from '@cloudscape-design/components/textarea';
import { Buffer } from 'buffer';
import type { IClientPublishOptions } from 'mqtt';
import { useState, type FormEvent } from 'react';

import { aws } from '../../api/command';
import { m } from '../../messages';
import { SameOnCommandLine, useNotices } from '../../parts/feedback';
import { href } from '../../router';
import { FormControl } from './messages';
import { isTopic, properties, typed, type Form } from './topics';

interface Props {
  clientId: string;
  connected: boolean;
  publish: (topic: string, payload: Uint8Array, options: IClientPublishOptions) => Promise<boolean>;
}

interface More {
  contentType: string;
  responseTopic: string;
  correlationData: string;
  expiry: string;
  user: string;
}

export function Qos({ qos, change }: { qos: 0 | 1; change: (qos: 0 | 1) => void }) {
  return (
    <FormField label={m.mqtt.qos}>
      <RadioGroup
        direction="horizontal"
        value={String(qos)}
        onChange={({ detail }) => change(detail.value === '1' ? 1 : 0)}
        items={[
          { value: '0', label: '0' },
          { value: '1', label: '1' },
        ]}
      />
    </FormField>
  );
}

/** What was refused, and the way to why. */
export function Refused({ text, clientId }: { text: string; clientId: string }) {
  return (
    <>
      {text}{' '}
      <Link color="inverted" href={href(['refusals'], { clientId })}>
        {m.mqtt.why}
      </Link>
    </>
  );
}

export function PublishForm({ clientId, connected, publish }: Props) {
  const { notice } = useNotices();
  const [topic, setTopic] = useState('');
  const [payload, setPayload] = useState(() => JSON.stringify({ message: m.mqtt.sample }, null, 2));
  const [form, setForm] = useState<Form>('text');
  const [qos, setQos] = useState<0 | 1>(1);
  const [retain, setRetain] = useState(false);
  const [more, setMore] = useState<More>({ contentType: '', responseTopic: '', correlationData: '', expiry: '', user: '' });
  const [checked, setChecked] = useState(false);
  const user = properties(more.user);
  const expiryBad = more.expiry !== '' && !/^[1-9]\d{0,8}$/.test(more.expiry);
  const bytes = typed(payload, form);
  const responseBad = more.responseTopic !== '' && !isTopic(more.responseTopic);
  const bad = !isTopic(topic) || !bytes || !user || expiryBad || responseBad;
  const submit = async (event: FormEvent) => {
    event.preventDefault();
    setChecked(true);
    if (bad) return;
    const userProperties: Record<string, string[]> = {};
    for (const [name, value] of user) (userProperties[name] ??= []).push(value);
    const given = {
      ...(more.contentType ? { contentType: more.contentType } : {}),
      ...(more.responseTopic ? { responseTopic: more.responseTopic } : {}),
      ...(more.correlationData ? { correlationData: Buffer.from(more.correlationData) } : {}),
      ...(more.expiry ? { messageExpiryInterval: Number(more.expiry) } : {}),
      ...(user.length > 0 ? { userProperties } : {}),
    };
    const sent = await publish(topic, bytes, { qos, retain, properties: given });
    if (sent) notice('success', m.mqtt.published(topic));
    else notice('error', <Refused text={m.mqtt.refusedPublish(topic)} clientId={clientId} />);
  };
  const command = aws('iot-data', 'publish', {
    topic: topic || 'TOPIC',
    qos,
    retain,
    'content-type': more.contentType,
    'response-topic': more.responseTopic,
    'correlation-data': more.correlationData && Buffer.from(more.correlationData).toString('base64'),
    'message-expiry': more.expiry,
    'user-properties': user && user.length > 0 ? JSON.stringify(user.map(([name, value]) => ({ [name]: value }))) : undefined,
    ...(form === 'hex'
      ? { payload: Buffer.from(bytes ?? []).toString('base64'), 'cli-binary-format': 'base64' }
      : { payload, 'cli-binary-format': 'raw-in-base64-out' }),
  });
  return (
    <form onSubmit={(event) => void submit(event)}>
      <Container header={<Header variant="h2">{m.mqtt.publish}</Header>} footer={<SameOnCommandLine command={command} />}>
        <SpaceBetween size="m">
          <FormField label={m.mqtt.topic} errorText={checked && !isTopic(topic) ? m.mqtt.topicBad : undefined}>
            <Input value={topic} spellcheck={false} onChange={({ detail }) => setTopic(detail.value)} />
          </FormField>
          <FormControl label={m.mqtt.payloadForm} form={form} change={setForm} />
          <FormField
            label={m.mqtt.payload}
            stretch
            errorText={checked && !bytes ? (form === 'hex' ? m.mqtt.hexBad : m.mqtt.jsonBad) : undefined}
          >
            <Textarea value={payload} rows={5} spellcheck={false} onChange={({ detail }) => setPayload(detail.value)} />
          </FormField>
          <Qos qos={qos} change={setQos} />
          <Checkbox checked={retain} onChange={({ detail }) => setRetain(detail.checked)}>
            {m.mqtt.retain}
          </Checkbox>
          <ExpandableSection headerText={m.mqtt.more}>
            <SpaceBetween size="m">
              <FormField label={m.mqtt.contentType}>
                <Input value={more.contentType} onChange={({ detail }) => setMore({ ...more, contentType: detail.value })} />
              </FormField>
              <FormField label={m.mqtt.responseTopic} errorText={checked && responseBad ? m.mqtt.topicBad : undefined}>
                <Input value={more.responseTopic} onChange={({ detail }) => setMore({ ...more, responseTopic: detail.value })} />
              </FormField>
              <FormField label={m.mqtt.correlationData}>
                <Input value={more.correlationData} onChange={({ detail }) => setMore({ ...more, correlationData: detail.value })} />
              </FormField>
              <FormField label={m.mqtt.expiry} errorText={checked && expiryBad ? m.mqtt.expiryBad : undefined}>
                <Input value={more.expiry} inputMode="numeric" onChange={({ detail }) => setMore({ ...more, expiry: detail.value })} />
              </FormField>
              <FormField
                label={m.mqtt.userProperties}
                description={m.mqtt.propertiesHint}
                errorText={checked && !user ? m.mqtt.propertiesBad : undefined}
              >
                <Textarea value={more.user} rows={3} onChange={({ detail }) => setMore({ ...more, user: detail.value })} />
              </FormField>
            </SpaceBetween>
          </ExpandableSection>
          <Button formAction="submit" variant="primary" disabled={!connected}>
            {m.mqtt.publish}
          </Button>
        </SpaceBetween>
      </Container>
    </form>
  );
}
