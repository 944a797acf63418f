/** The messages that a page keeps: the newest, within bounds. */
import type { IPublishPacket } from 'mqtt';

import { isText, shown } from './topics';

export interface Received {
  number: number;
  at: Date;
  topic: string;
  payload: Uint8Array;
  qos: number;
  retain: boolean;
  properties: IPublishPacket['properties'];
}

/** Messages kept; the oldest go first. */
export const MOST = 10_000;
/** Bytes of their payloads. */
export const MOST_BYTES = 32 * 1024 * 1024;

/** `fresh` (the oldest first) before `kept` (the newest first). */
export function keep(kept: readonly Received[], fresh: readonly Received[]): Received[] {
  const all = [...fresh.toReversed(), ...kept].slice(0, MOST);
  let bytes = 0;
  const end = all.findIndex((one) => (bytes += one.payload.length) > MOST_BYTES);
  // The newest stays, however long it is.
  return end < 0 ? all : all.slice(0, Math.max(1, end));
}

/** A message as it is exported. What is no text is in hex. */
export function exported({ at, topic, payload, qos, retain, properties }: Received): object {
  const { contentType, responseTopic, correlationData, messageExpiryInterval, userProperties } = properties ?? {};
  return {
    at: at.toISOString(),
    topic,
    qos,
    retain,
    payload: shown(payload, 'text'),
    payloadForm: isText(payload) ? 'text' : 'hex',
    contentType,
    responseTopic,
    correlationData: correlationData && shown(correlationData, 'text'),
    messageExpiryInterval,
    properties: userProperties,
  };
}
