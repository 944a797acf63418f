import { describe, expect, test } from 'vitest';

import { change, commandOf, creation, joining, problems, type Draft } from '../src/pages/things/draft';
import { told, type ThingEvent } from '../src/pages/things/events';
import { agent, mosquitto, mqttPortOf } from '../src/pages/things/first-commands';
import { free, endsSoon } from '../src/pages/tunnels/data';

const lamp: Draft = { name: 'lamp1', type: '', attributes: [] };
const many = (count: number) => Array.from({ length: count }, (_, at) => ({ key: `a${at}`, value: 'x' }));

describe('a draft of a thing', () => {
  test('says what is wrong', () => {
    expect(problems(lamp)).toEqual({});
    for (const name of ['', 'no spaces', 'x'.repeat(129)]) expect(Object.keys(problems({ ...lamp, name }))).toEqual(['name']);
    expect(Object.keys(problems({ ...lamp, type: 'a b' }))).toEqual(['type']);
    const wrong = (attributes: Draft['attributes']) => problems({ ...lamp, attributes }).attributes;
    expect(wrong([{ key: 'a', value: '=[]' }])).toBeUndefined();
    expect(wrong([{ key: 'a=', value: '1' }])).toMatch(/name and a value/);
    expect(wrong([{ key: 'a', value: '' }])).toMatch(/name and a value/);
    expect(wrong([{ key: 'a', value: '1' }, { key: 'a', value: '2' }])).toMatch(/twice/);
    expect(wrong(many(3))).toBeUndefined();
    expect(wrong(many(4))).toMatch(/At most 3/);
    expect(problems({ ...lamp, type: 'Lamp', attributes: many(50) })).toEqual({});
    expect(problems({ ...lamp, type: 'Lamp', attributes: many(51) }).attributes).toMatch(/At most 50/);
  });

  test('makes the type and the group that are not there', () => {
    const draft = { ...lamp, type: ' Lamp ', attributes: [{ key: 'site', value: 'hall' }] };
    const create = `aws iot create-thing --thing-name lamp1 --thing-type-name Lamp --attribute-payload '{"attributes":{"site":"hall"}}'`;
    expect(commandOf(creation(draft, ['Other']))).toBe(`aws iot create-thing-type --thing-type-name Lamp\n${create}`);
    expect(commandOf(creation(draft, ['Lamp']))).toBe(create);
    // Who may not list types is not stopped from using one.
    expect(commandOf(creation(draft, undefined))).toBe(create);
    expect(commandOf(creation(lamp, []))).toBe('aws iot create-thing --thing-name lamp1');
    const join = 'aws iot add-thing-to-thing-group --thing-name lamp1 --thing-group-name hall';
    expect(commandOf(joining('lamp1', 'hall', ['hall']))).toBe(join);
    expect(commandOf(joining('lamp1', 'hall', []))).toBe(`aws iot create-thing-group --thing-group-name hall\n${join}`);
  });

  test('replaces the attributes of the version it began with', () => {
    const before = { type: 'Lamp', version: 7 };
    const payload = `--attribute-payload '{"attributes":{},"merge":false}' --expected-version 7`;
    expect(commandOf(change(before, { ...lamp, type: 'Lamp' }, []))).toBe(`aws iot update-thing --thing-name lamp1 ${payload}`);
    expect(commandOf(change(before, lamp, []))).toBe(`aws iot update-thing --thing-name lamp1 --remove-thing-type ${payload}`);
    expect(commandOf(change(before, { ...lamp, type: 'New' }, ['New']))).toBe(
      `aws iot update-thing --thing-name lamp1 --thing-type-name New ${payload}`,
    );
  });
});

describe('the timeline', () => {
  const event = (kind: ThingEvent['kind'], more: Partial<ThingEvent> = {}) =>
    told({ sequence: 1, kind, at: new Date(0), firstAt: new Date(0), count: 1, ...more });

  test('says what happened', () => {
    expect(event('CONNECTED')).toEqual({ kind: 'success', text: 'Connected.' });
    expect(event('CONNECTED', { detail: 'signed by x' }).text).toBe('Connected, signed by x.');
    expect(event('PROVISIONED')).toEqual({ kind: 'info', text: 'Provisioned.' });
    expect(event('PROVISIONED', { reason: 'JITP', detail: 'template lamps' }).text).toBe('Provisioned at its first connection (JITP): template lamps.');
    expect(event('DISCONNECTED', { reason: 'CLIENT_INITIATED_DISCONNECT' })).toEqual({
      kind: 'stopped',
      text: 'Disconnected: the device said goodbye.',
    });
    expect(event('DISCONNECTED', { reason: 'CONNECTION_LOST' }).kind).toBe('warning');
    expect(event('DISCONNECTED', { reason: 'SOMETHING_NEW' }).text).toBe('Disconnected: SOMETHING_NEW.');
    expect(event('DISCONNECTED')).toEqual({ kind: 'stopped', text: 'Disconnected.' });
  });

  test('says what was refused and why', () => {
    const reason = 'no policy allows it';
    expect(event('REFUSED', { reason, stage: 'publish', detail: 'publish to a/b' })).toEqual({
      kind: 'error',
      text: 'Refused (publish to a/b): no policy allows it',
    });
    expect(event('REFUSED', { reason, stage: 'connect' }).text).toBe('Refused (connect): no policy allows it');
    expect(event('REFUSED').text).toBe('Refused: no reason is known');
  });
});

test('the commands for the first device name the ports there are', () => {
  const listener = (address: string, serve: string[], tls = true) => ({ address, serve, tls });
  const all = listener('0.0.0.0:8443', ['api', 'mqtt', 'console']);
  expect(mqttPortOf([])).toBe(8883);
  expect(mqttPortOf([all, listener('0.0.0.0:1883', ['mqtt'], false), listener('[::]:9883', ['mqtt'])])).toBe(9883);
  expect(mqttPortOf([listener('[::]:9883', ['mqtt']), listener('[::]:8883', ['mqtt'])])).toBe(8883);
  expect(agent('adit.example:443', 9883)).toContain('endpoint = "adit.example:9883"\ntunnel-endpoint = "adit.example:443"\n');
  expect(mosquitto('adit.example:443', 9883)).toContain('-h adit.example -p 9883 ');
});

describe('a tunnel', () => {
  const tunnel = (source: string, services = ['SSH'], status = 'OPEN') =>
    ({ status, destinationConfig: { services }, sourceConnectionState: { status: source } }) as Parameters<typeof free>[0][number];

  test('is free when it leads to SSH and nobody is connected', () => {
    const good = tunnel('DISCONNECTED');
    expect(free([tunnel('CONNECTED'), tunnel('DISCONNECTED', ['VNC']), tunnel('DISCONNECTED', ['SSH'], 'CLOSED'), good])).toBe(good);
    expect(free([tunnel('CONNECTED')])).toBeUndefined();
  });

  test('ends soon in its last quarter of an hour', () => {
    const open = { status: 'OPEN', createdAt: new Date(0), timeoutConfig: { maxLifetimeTimeoutMinutes: 60 } } as const;
    expect([44.9, 45.1, 59].map((minutes) => endsSoon(open, minutes * 60_000))).toEqual([false, true, true]);
    expect(endsSoon({ ...open, status: 'CLOSED' }, 50 * 60_000)).toBe(false);
  });
});
