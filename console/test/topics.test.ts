import { expect, test } from 'vitest';

import { isFilter, isTopic, properties, shown } from '../src/pages/mqtt/topics';

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

test('properties are read line by line', () => {
  expect(properties('a=1\n\n b = c=d \n')).toEqual([
    ['a', '1'],
    ['b', 'c=d'],
  ]);
  expect(properties('')).toEqual([]);
  for (const bad of ['a', '=1', 'a=1\nb']) expect(properties(bad)).toBeUndefined();
});
