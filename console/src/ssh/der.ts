/** As much of DER as private keys need. */

export interface Node {
  tag: number;
  /** The content; of a constructed node its parts as they are. */
  bytes: Uint8Array;
}

export const SEQUENCE = 0x30;
export const INTEGER = 0x02;
export const OCTETS = 0x04;
export const OID = 0x06;
export const BITS = 0x03;
const NONE = 0x05;

export class DerError extends Error {}

/** All nodes of some bytes, one after another. */
export function nodes(bytes: Uint8Array): Node[] {
  const found: Node[] = [];
  let at = 0;
  const byte = () => {
    const value = bytes[at++];
    if (value === undefined) throw new DerError('cut short');
    return value;
  };
  while (at < bytes.length) {
    const tag = byte();
    let length = byte();
    if (length > 127) {
      const count = length & 127;
      if (count === 0 || count > 3) throw new DerError('a length that is not DER');
      length = 0;
      for (let i = 0; i < count; i++) length = length * 256 + byte();
    }
    if (length > bytes.length - at) throw new DerError('cut short');
    found.push({ tag, bytes: bytes.subarray(at, at + length) });
    at += length;
  }
  return found;
}

/** The parts of the sequence that the bytes are. */
export function sequence(bytes: Uint8Array): Node[] {
  const [only, ...more] = nodes(bytes);
  if (only?.tag !== SEQUENCE || more.length > 0) throw new DerError('not a sequence');
  return nodes(only.bytes);
}

/** The content of the part at that place, which must have that tag. */
export function part(parts: readonly Node[], at: number, tag: number): Uint8Array {
  const found = parts[at];
  if (found?.tag !== tag) throw new DerError(`no part ${at} of type ${tag}`);
  return found.bytes;
}

/** An object identifier in dots. */
export function oid(bytes: Uint8Array): string {
  const numbers: number[] = [];
  let value = 0;
  for (const byte of bytes) {
    value = value * 128 + (byte & 127);
    if (byte < 128) {
      numbers.push(value);
      value = 0;
    }
  }
  const first = numbers.shift() ?? 0;
  const high = Math.min(2, Math.floor(first / 40));
  return [high, first - high * 40, ...numbers].join('.');
}

/** A small number. */
export function small(bytes: Uint8Array): number {
  return bytes.reduce((value, byte) => value * 256 + byte, 0);
}

export function isNothing(node: Node | undefined): boolean {
  return node === undefined || node.tag === NONE;
}
