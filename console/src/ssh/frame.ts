/**
 * Frames of the tunnel protocol: a length of two bytes, then a message of seven protobuf fields.
 * spec: secure-tunneling §4.4; the rules are those of `crates/tunnel/src/message.rs`.
 */
import { m } from '../messages';

export const Type = {
  Data: 1,
  StreamStart: 2,
  StreamReset: 3,
  ServiceIds: 5,
  ConnectionStart: 6,
  ConnectionReset: 7,
} as const;

export interface Message {
  type: number;
  streamId: number;
  ignorable: boolean;
  payload: Uint8Array;
  serviceId: string;
  availableServiceIds: string[];
  connectionId: number;
}

/** Bytes of the largest payload. */
export const MAX_PAYLOAD = 64_512;
/** Bytes of the longest service id. */
const MAX_SERVICE = 128;

/** The names of `adit_tunnel::Misdeed`. */
export type Misdeed =
  | 'Empty'
  | 'Truncated'
  | 'NumberTooLarge'
  | 'NegativeStreamId'
  | 'BadBoolean'
  | 'UnknownField'
  | 'WrongWireType'
  | 'RepeatedField'
  | 'PayloadTooLarge'
  | 'ServiceIdTooLong'
  | 'ServiceIdNotText';

export class FrameError extends Error {
  readonly misdeed: Misdeed;

  constructor(misdeed: Misdeed) {
    super(m.ssh.faults.frame(misdeed));
    this.misdeed = misdeed;
  }
}

export function message(type: number, parts: Partial<Message> = {}): Message {
  return {
    type,
    streamId: 0,
    ignorable: false,
    payload: new Uint8Array(),
    serviceId: '',
    availableServiceIds: [],
    connectionId: 0,
    ...parts,
  };
}

const VARINT = 0;
const BLOCK = 2;
const BLOCKS = [4, 5, 6];

/** The message's bytes without a length. */
export function encode(from: Message): Uint8Array<ArrayBuffer> {
  const out: number[] = [];
  const number = (field: number, value: number) => {
    if (value === 0) return;
    out.push((field << 3) | VARINT);
    varint(value);
  };
  const varint = (value: number) => {
    let rest = value;
    while (rest > 127) {
      out.push((rest & 127) | 128);
      rest = Math.floor(rest / 128);
    }
    out.push(rest);
  };
  number(1, from.type);
  number(2, from.streamId);
  number(3, from.ignorable ? 1 : 0);
  const head = Uint8Array.from(out.splice(0));
  if (from.payload.length > 0) {
    out.push((4 << 3) | BLOCK);
    varint(from.payload.length);
  }
  const before = Uint8Array.from(out.splice(0));
  const text = (field: number, value: string) => {
    const bytes = new TextEncoder().encode(value);
    out.push((field << 3) | BLOCK);
    varint(bytes.length);
    out.push(...bytes);
  };
  if (from.serviceId) text(5, from.serviceId);
  from.availableServiceIds.forEach((id) => text(6, id));
  number(7, from.connectionId);
  return joined([head, before, from.payload, Uint8Array.from(out)]);
}

/** The whole frame. */
export function frame(from: Message): Uint8Array<ArrayBuffer> {
  const bytes = encode(from);
  return joined([Uint8Array.of(bytes.length >> 8, bytes.length & 255), bytes]);
}

function joined(parts: Uint8Array[]): Uint8Array<ArrayBuffer> {
  const all = new Uint8Array(parts.reduce((length, part) => length + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

/** A cursor over one message. */
class Reader {
  at = 0;
  readonly bytes: Uint8Array;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
  }

  get ended(): boolean {
    return this.at >= this.bytes.length;
  }

  /** A varint of at most that many bytes. */
  varint(most: number): bigint {
    let value = 0n;
    for (let count = 0; ; count++) {
      if (count === most) throw new FrameError('NumberTooLarge');
      const byte = this.bytes[this.at];
      if (byte === undefined) throw new FrameError('Truncated');
      this.at += 1;
      value |= BigInt(byte & 127) << BigInt(7 * count);
      if (byte < 128) return value;
    }
  }

  number(): number {
    const value = this.varint(5);
    if (value > 0xffff_ffffn) throw new FrameError('NumberTooLarge');
    return Number(value);
  }

  /** Protobuf writes a negative 32-bit integer as a varint of ten bytes. */
  streamId(): number {
    const value = this.varint(10);
    if (value <= 0x7fff_ffffn) return Number(value);
    throw new FrameError((value & 0x8000_0000n) !== 0n ? 'NegativeStreamId' : 'NumberTooLarge');
  }

  boolean(): boolean {
    const value = this.number();
    if (value > 1) throw new FrameError('BadBoolean');
    return value === 1;
  }

  block(): Uint8Array {
    const length = this.number();
    if (length > this.bytes.length - this.at) throw new FrameError('Truncated');
    this.at += length;
    return this.bytes.subarray(this.at - length, this.at);
  }

  service(): string {
    const bytes = this.block();
    if (bytes.length > MAX_SERVICE) throw new FrameError('ServiceIdTooLong');
    try {
      return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
    } catch {
      throw new FrameError('ServiceIdNotText');
    }
  }
}

/** Reads a message's bytes; throws {@link FrameError} on what is none. */
export function decode(bytes: Uint8Array): Message {
  if (bytes.length === 0) throw new FrameError('Empty');
  const reader = new Reader(bytes);
  const found = message(0);
  const seen = new Set<number>();
  while (!reader.ended) {
    const tag = reader.number();
    const field = Math.floor(tag / 8);
    if (field < 1 || field > 7) throw new FrameError('UnknownField');
    if ((tag & 7) !== (BLOCKS.includes(field) ? BLOCK : VARINT)) throw new FrameError('WrongWireType');
    if (seen.has(field) && field !== 6) throw new FrameError('RepeatedField');
    seen.add(field);
    take(found, field, reader);
  }
  return found;
}

function take(into: Message, field: number, reader: Reader): void {
  if (field === 1) into.type = reader.number();
  else if (field === 2) into.streamId = reader.streamId();
  else if (field === 3) into.ignorable = reader.boolean();
  else if (field === 4) {
    into.payload = reader.block();
    if (into.payload.length > MAX_PAYLOAD) throw new FrameError('PayloadTooLarge');
  } else if (field === 5) into.serviceId = reader.service();
  else if (field === 6) into.availableServiceIds.push(reader.service());
  else into.connectionId = reader.number();
}

/** Cuts a stream of bytes into messages: a frame may span several pieces, and a piece hold several frames. */
export class FrameReader {
  private held: Uint8Array = new Uint8Array();

  /** Takes a piece; gives the messages that are whole now. */
  push(piece: Uint8Array): Message[] {
    const all = this.held.length > 0 ? joined([this.held, piece]) : piece;
    const messages: Message[] = [];
    let at = 0;
    for (;;) {
      const high = all[at];
      const low = all[at + 1];
      if (high === undefined || low === undefined) break;
      const end = at + 2 + high * 256 + low;
      if (end > all.length) break;
      messages.push(decode(all.subarray(at + 2, end)));
      at = end;
    }
    this.held = all.slice(at);
    return messages;
  }
}
