/** The MQTT connection of this page: MQTT 5 over a WebSocket whose URL is signed. */
import { Sha256 } from '@aws-crypto/sha256-js';
import { SignatureV4 } from '@smithy/signature-v4';
import { Buffer } from 'buffer';
import mqtt, { type IClientPublishOptions, type MqttClient } from 'mqtt';
import { useCallback, useEffect, useRef, useState } from 'react';

import { signedIn } from '../../api/session';
import { keep, type Received } from './kept';

/** Milliseconds between two tries to connect. */
const AGAIN = 3_000;
/** Milliseconds that messages are collected before the page shows them. */
const COLLECT = 100;

/** The signed URL. As AWS has it, the session token is not part of what is signed. */
export async function signedUrl(): Promise<string> {
  const { accessKeyId, secretAccessKey, sessionToken, region } = signedIn();
  const credentials = { accessKeyId, secretAccessKey };
  const signer = new SignatureV4({ service: 'iotdevicegateway', region, credentials, sha256: Sha256 });
  const request = {
    method: 'GET',
    protocol: location.protocol,
    hostname: location.hostname,
    path: '/mqtt',
    query: {},
    headers: { host: location.host },
  };
  const signed = await signer.presign(request, { expiresIn: 60 });
  const query = new URLSearchParams(signed.query as Record<string, string>);
  if (sessionToken) query.set('X-Amz-Security-Token', sessionToken);
  return `${location.protocol === 'https:' ? 'wss' : 'ws'}://${location.host}/mqtt?${query}`;
}

export interface Subscription {
  filter: string;
  qos: 0 | 1;
}

export function useMqtt() {
  const [clientId] = useState(() => `console-${crypto.randomUUID().slice(0, 8)}`);
  const [connected, setConnected] = useState(false);
  const [ended, setEnded] = useState<string>();
  const [messages, setMessages] = useState<Received[]>([]);
  const [subscriptions, setSubscriptions] = useState<Subscription[]>([]);
  const client = useRef<MqttClient>(undefined);
  const wanted = useRef<Subscription[]>([]);
  wanted.current = subscriptions;

  useEffect(() => {
    let over = false;
    let number = 0;
    let timer: ReturnType<typeof setTimeout> | undefined;
    let fresh: Received[] = [];
    const show = () => {
      const taken = fresh;
      fresh = [];
      if (!over) setMessages((all) => keep(all, taken));
    };
    // A signature is good for one connection: each try has its own.
    const connect = async () => {
      const url = await signedUrl();
      if (over) return;
      const opened = mqtt.connect(url, { protocolVersion: 5, clientId, clean: true, reconnectPeriod: 0, timerVariant: 'native' });
      client.current = opened;
      opened.on('connect', () => {
        setConnected(true);
        setEnded(undefined);
        wanted.current.forEach(({ filter, qos }) => opened.subscribe(filter, { qos }));
      });
      opened.on('message', (topic, payload, packet) => {
        const { qos, retain, properties } = packet;
        if (fresh.length === 0) setTimeout(show, COLLECT);
        fresh.push({ number: ++number, at: new Date(), topic, payload: Uint8Array.from(payload), qos, retain, properties });
      });
      opened.on('disconnect', (packet) => setEnded(packet.properties?.reasonString ?? `0x${packet.reasonCode?.toString(16)}`));
      opened.on('error', () => undefined);
      opened.on('close', () => {
        setConnected(false);
        opened.end(true);
        if (!over) timer = setTimeout(() => void connect(), AGAIN);
      });
    };
    void connect();
    return () => {
      over = true;
      clearTimeout(timer);
      client.current?.end();
    };
  }, [clientId]);

  /** Resolves to whether the server granted it. */
  const subscribe = useCallback(async (filter: string, qos: 0 | 1): Promise<boolean> => {
    try {
      const granted = await client.current?.subscribeAsync(filter, { qos });
      if (!granted?.some((one) => one.topic === filter && one.qos < 128)) return false;
    } catch {
      return false;
    }
    setSubscriptions((all) => [...all.filter((one) => one.filter !== filter), { filter, qos }]);
    return true;
  }, []);

  const unsubscribe = useCallback((filter: string) => {
    setSubscriptions((all) => all.filter((one) => one.filter !== filter));
    client.current?.unsubscribe(filter);
  }, []);

  /** Resolves to whether the server took it; with QoS 0 nobody says. */
  const publish = useCallback(async (topic: string, payload: Uint8Array, options: IClientPublishOptions): Promise<boolean> => {
    try {
      await client.current?.publishAsync(topic, Buffer.from(payload), options);
      return true;
    } catch {
      return false;
    }
  }, []);

  const clear = useCallback(() => setMessages([]), []);
  return { clientId, connected, ended, messages, subscriptions, subscribe, unsubscribe, publish, clear };
}
