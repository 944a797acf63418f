import { describe, expect, test } from 'vitest';

import { decode, MAX_PAYLOAD, message, Type, type Message } from '../src/ssh/frame';
import { Source } from '../src/ssh/source';

const read = (frame: Uint8Array): Message => decode(frame.subarray(2));
const data = (parts: Partial<Message>) => message(Type.Data, { payload: Uint8Array.of(1), ...parts });

describe('with a service', () => {
  test('every message names it and the connection', () => {
    const source = new Source();
    expect(source.take(message(Type.ServiceIds, { availableServiceIds: ['SSH'] }))).toEqual({ kind: 'services', services: ['SSH'] });
    const start = read(source.start('SSH'));
    expect([start.type, start.streamId, start.serviceId, start.connectionId]).toEqual([Type.StreamStart, 1, 'SSH', 1]);
    const [sent] = source.data(Uint8Array.of(5)).map(read);
    expect([sent?.type, sent?.serviceId, sent?.connectionId]).toEqual([Type.Data, 'SSH', 1]);
  });

  test('only its own stream is listened to', () => {
    const source = new Source();
    source.start('SSH');
    const ours = { streamId: 1, serviceId: 'SSH', connectionId: 1 };
    expect(source.take(data({ ...ours, streamId: 2 }))).toBeUndefined();
    expect(source.take(data({ ...ours, serviceId: 'VNC' }))).toBeUndefined();
    expect(source.take(data(ours))).toEqual({ kind: 'data', data: Uint8Array.of(1) });
    expect(source.take(data({ ...ours, payload: new Uint8Array() }))).toBeUndefined();
  });

  test.each([Type.StreamReset, Type.ConnectionReset])('a reset (%i) ends it once', (type) => {
    const source = new Source();
    source.start('SSH');
    const reset = message(type, { streamId: 1, serviceId: 'SSH', connectionId: 1 });
    expect(source.take(reset)).toEqual({ kind: 'reset' });
    expect(source.take(reset)).toBeUndefined();
    expect([source.data(Uint8Array.of(1)), source.end()]).toEqual([[], []]);
  });

  test('the next stream has the next number', () => {
    const source = new Source();
    source.start('SSH');
    expect(read(source.end()[0] as Uint8Array).type).toBe(Type.StreamReset);
    expect(read(source.start('SSH')).streamId).toBe(2);
  });
});

test('without a service no message names one, nor a connection', () => {
  const source = new Source();
  const all = [source.start(''), ...source.data(Uint8Array.of(1)), ...source.end()].map(read);
  expect(all.map((one) => [one.serviceId, one.connectionId])).toEqual([['', 0], ['', 0], ['', 0]]);
  source.start('');
  expect(source.take(data({ streamId: 2 }))?.kind).toBe('data');
});

test('much data is cut into frames', () => {
  const source = new Source();
  source.start('SSH');
  const lengths = source.data(new Uint8Array(MAX_PAYLOAD * 2 + 1)).map((frame) => read(frame).payload.length);
  expect(lengths).toEqual([MAX_PAYLOAD, MAX_PAYLOAD, 1]);
});
