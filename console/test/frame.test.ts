import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';

import { decode, encode, frame, FrameError, FrameReader, MAX_PAYLOAD, message, Type } from '../src/ssh/frame';

/** The vectors that the Rust crate reads. */
const VECTORS = new URL('../../crates/tunnel/tests/vectors/messages.hex', import.meta.url);

const bytes = (hex: string) => Uint8Array.from(hex.replaceAll(' ', '').match(/../g) ?? [], (pair) => parseInt(pair, 16));
const hex = (from: Uint8Array) => [...from].map((byte) => byte.toString(16).padStart(2, '0')).join('');

const vectors = readFileSync(VECTORS, 'utf8')
  .split('\n')
  .filter((line) => line && !line.startsWith('#'))
  .map((line) => {
    const [, name = '', input = '', meaning = ''] = /^([\w-]+):(.*?)= (.*)$/.exec(line) ?? [];
    return { name, input: bytes(input), meaning };
  });

describe('the vectors of crates/tunnel', () => {
  test('are there', () => expect(vectors.length).toBeGreaterThan(20));

  test.each(vectors.filter(({ name }) => !name.startsWith('bad-')))('$name', ({ input, meaning }) => {
    const { type, streamId, ignorable, payload, serviceId, connectionId } = decode(input);
    const found = [type, streamId, Number(ignorable), hex(payload), serviceId || '-', connectionId].join('/');
    expect(found).toBe(meaning);
  });

  test.each(vectors.filter(({ name }) => name.startsWith('bad-')))('$name', ({ input, meaning }) => {
    expect(() => decode(input)).toThrow(FrameError);
    try {
      decode(input);
    } catch (error) {
      expect((error as FrameError).misdeed).toBe(meaning);
    }
  });

  test('are what we write, where ours is the shortest form', () => {
    const shortest = ['v1-stream-start', 'v3-stream-start-ssh', 'service-ids-ssh', 'v3-data', 'v3-connection-start', 'ignorable-unknown-type'];
    for (const { name, input } of vectors.filter(({ name }) => shortest.includes(name))) {
      expect(hex(encode(decode(input))), name).toBe(hex(input));
    }
  });
});

test('the available services are read in order', () => {
  expect(decode(bytes('0805 3203535348 3203564e43')).availableServiceIds).toEqual(['SSH', 'VNC']);
});

test('a stream of frames is read whatever its pieces', () => {
  const all = [
    message(Type.ServiceIds, { availableServiceIds: ['SSH'] }),
    message(Type.Data, { streamId: 1, serviceId: 'SSH', connectionId: 1, payload: new Uint8Array(MAX_PAYLOAD).fill(7) }),
    message(Type.StreamReset, { streamId: 1, serviceId: 'SSH' }),
  ];
  const stream = new Uint8Array(all.flatMap((one) => [...frame(one)]));
  for (const size of [1, 3, 1000, stream.length]) {
    const reader = new FrameReader();
    const found = [];
    for (let at = 0; at < stream.length; at += size) found.push(...reader.push(stream.subarray(at, at + size)));
    expect(found).toEqual(all);
  }
});

test('a payload may have 64512 bytes and no more', () => {
  const of = (length: number) => encode(message(Type.Data, { streamId: 1, payload: new Uint8Array(length) }));
  expect(decode(of(MAX_PAYLOAD)).payload.length).toBe(MAX_PAYLOAD);
  expect(() => decode(of(MAX_PAYLOAD + 1))).toThrow('PayloadTooLarge');
});

test('a frame of length 0 is no message', () => {
  expect(() => new FrameReader().push(Uint8Array.of(0, 0))).toThrow('Empty');
});
