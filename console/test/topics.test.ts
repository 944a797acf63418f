import { describe, expect, test } from 'vitest';

import { exported, keep, MOST, MOST_BYTES, type Received } from '../src/pages/mqtt/kept';
import { isFilter, isTopic, properties, shown, typed } from '../src/pages/mqtt/topics';

test('topics and filters are told from others', () => {
  for (const topic of ['a', '/', 'a/b c/ü', 'a'.repeat(256)]) expect([isTopic(topic), isFilter(topic)], topic).toEqual([true, true]);
  for (const filter of ['#', '+', 'a/#', '+/a/+', '/+/#']) expect([isTopic(filter), isFilter(filter)], filter).toEqual([false, true]);
  for (const bad of ['', 'a#', '#/a', 'a+', 'a/+b', 'a/b#', 'a\0', 'ü'.repeat(129)]) expect(isFilter(bad), bad).toBe(false);
});

test('a payload is shown as it can be', () => {
  const bytes = (text: string) => new TextEncoder().encode(text);
  expect(shown(bytes('{"a":1}'), 'json')).toBe('{\n  "a": 1\n}');
  expect(shown(bytes('{"a":1}'), 'text')).toBe('{"a":1}');
  expect(shown(bytes('no json'), 'json')).toBe('no json');
  for (const form of ['json', 'text', 'hex'] as const) expect(shown(Uint8Array.of(0, 255), form)).toBe('00 ff');
  expect(shown(new Uint8Array(), 'hex')).toBe('');
});

test('a payload is sent as it was typed', () => {
  expect(typed('{"a": 1}', 'json')).toEqual(new TextEncoder().encode('{"a": 1}'));
  expect(typed('00 ff:7F', 'hex')).toEqual(Uint8Array.of(0, 255, 127));
  expect([typed('ü', 'text')?.length, typed('', 'hex')?.length]).toEqual([2, 0]);
  expect([typed('{', 'json'), typed('0', 'hex'), typed('xx', 'hex'), typed('', 'json')]).toEqual([undefined, undefined, undefined, undefined]);
});

describe('the messages that are kept', () => {
  const message = (number: number, payload = Uint8Array.of(65)): Received => ({
    number, at: new Date(0), topic: 't', payload, qos: 0, retain: false, properties: undefined,
  });

  test('are the newest, within a number and a size', () => {
    const many = Array.from({ length: MOST }, (_, at) => message(at));
    const kept = keep(keep([], many), [message(MOST), message(MOST + 1)]);
    expect([kept.length, kept[0]?.number, kept.at(-1)?.number]).toEqual([MOST, MOST + 1, 2]);
    const half = new Uint8Array(MOST_BYTES / 2);
    expect(keep([message(1, half), message(2, half)], [message(3)]).map(({ number }) => number)).toEqual([3, 1]);
    expect(keep([], [message(1, new Uint8Array(MOST_BYTES + 1))]).length).toBe(1);
  });

  test('are exported as text, or in hex', () => {
    expect(exported(message(1))).toMatchObject({ at: '1970-01-01T00:00:00.000Z', payload: 'A', payloadForm: 'text' });
    expect(exported(message(1, Uint8Array.of(0, 255)))).toMatchObject({ payload: '00 ff', payloadForm: 'hex' });
  });
});

test('properties are read line by line', () => {
  expect(properties('a=1\n\n b = c=d \n')).toEqual([
    ['a', '1'],
    ['b', 'c=d'],
  ]);
  expect(properties('')).toEqual([]);
  for (const bad of ['a', '=1', 'a=1\nb']) expect(properties(bad)).toBeUndefined();
});
