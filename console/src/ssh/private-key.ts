/** Private key files: PEM (PKCS #1, SEC 1, PKCS #8 plain and encrypted) and OpenSSH's own, plain and encrypted. */
import { m } from '../messages';
import { BITS, INTEGER, OCTETS, OID, oid, part, SEQUENCE, sequence, small, isNothing } from './der';
import { openssh } from './openssh-key';

export interface RsaKey {
  kind: 'rsa';
  n: Uint8Array;
  e: Uint8Array;
  d: Uint8Array;
  p: Uint8Array;
  q: Uint8Array;
  dp: Uint8Array;
  dq: Uint8Array;
  qi: Uint8Array;
}

export type Curve = 'nistp256' | 'nistp384' | 'nistp521';

export interface EcKey {
  kind: 'ec';
  curve: Curve;
  x: Uint8Array;
  y: Uint8Array;
  d: Uint8Array;
}

export interface EdKey {
  kind: 'ed25519';
  publicKey: Uint8Array;
  seed: Uint8Array;
}

export type PrivateKey = RsaKey | EcKey | EdKey;

/** What is wrong with a key file, in the reader's words. */
export class KeyError extends Error {
  /** Whether another passphrase may help. */
  readonly passphrase: boolean;

  constructor(text: string, passphrase = false) {
    super(text);
    this.passphrase = passphrase;
  }
}

/** Longest file that is read, in bytes: an RSA key of 16384 bits has about 13,000. */
export const MAX_FILE = 64 * 1024;

const CURVES: Record<string, Curve> = {
  '1.2.840.10045.3.1.7': 'nistp256',
  '1.3.132.0.34': 'nistp384',
  '1.3.132.0.35': 'nistp521',
};

/** Reads a key file; throws {@link KeyError}. */
export async function readKey(text: string, passphrase: string): Promise<PrivateKey> {
  if (/^(ssh-|ecdsa-|---- BEGIN SSH2 PUBLIC)|BEGIN (RSA )?PUBLIC KEY/m.test(text)) throw new KeyError(m.ssh.keyPublic);
  const found = /-----BEGIN ([A-Z ]+)-----([\s\S]*?)-----END \1-----/.exec(text.slice(0, MAX_FILE));
  const [, label, body] = found ?? [];
  if (!label || body === undefined) throw new KeyError(m.ssh.keyUnknown);
  if (/Proc-Type:.*ENCRYPTED/.test(body)) throw new KeyError(m.ssh.keyOldEncryption);
  try {
    const bytes = base64(body);
    if (label === 'OPENSSH PRIVATE KEY') return await openssh(bytes, passphrase);
    if (label === 'RSA PRIVATE KEY') return pkcs1(bytes);
    if (label === 'EC PRIVATE KEY') return await sec1(bytes);
    if (label === 'PRIVATE KEY') return await pkcs8(bytes);
    if (label === 'ENCRYPTED PRIVATE KEY') return await pkcs8(await decrypted(bytes, passphrase));
  } catch (error) {
    if (error instanceof KeyError) throw error;
  }
  throw new KeyError(m.ssh.keyUnknown);
}

function base64(text: string): Uint8Array {
  return Uint8Array.from(atob(text.replace(/\s+/g, '')), (letter) => letter.charCodeAt(0));
}

/** spec: RFC 8017 A.1.2 */
function pkcs1(bytes: Uint8Array): RsaKey {
  const parts = sequence(bytes);
  const at = (place: number) => unsigned(part(parts, place, INTEGER));
  return { kind: 'rsa', n: at(1), e: at(2), d: at(3), p: at(4), q: at(5), dp: at(6), dq: at(7), qi: at(8) };
}

/** Without the zero that keeps a number positive. */
export function unsigned(bytes: Uint8Array): Uint8Array {
  let at = 0;
  while (at < bytes.length - 1 && bytes[at] === 0) at++;
  return bytes.subarray(at);
}

/** spec: RFC 5915; `outer` is the curve that PKCS #8 names. */
async function sec1(bytes: Uint8Array, outer?: Curve): Promise<EcKey> {
  const parts = sequence(bytes);
  const d = part(parts, 1, OCTETS);
  const named = parts.find((one) => one.tag === 0xa0);
  const curve = outer ?? (named ? CURVES[oid(part(sequenceOf(named.bytes), 0, OID))] : undefined);
  if (!curve) throw new KeyError(m.ssh.keyUnknown);
  const point = parts.find((one) => one.tag === 0xa1);
  if (!point) throw new KeyError(m.ssh.keyUnknown);
  return { kind: 'ec', curve, d, ...coordinates(part(sequenceOf(point.bytes), 0, BITS).subarray(1)) };
}

/** The nodes within a tag of its own. */
function sequenceOf(bytes: Uint8Array) {
  return sequence(Uint8Array.from([SEQUENCE, ...lengthOf(bytes.length), ...bytes]));
}

function lengthOf(length: number): number[] {
  return length < 128 ? [length] : [0x82, length >> 8, length & 255];
}

/** Of an uncompressed point. */
export function coordinates(point: Uint8Array): { x: Uint8Array; y: Uint8Array } {
  const half = (point.length - 1) / 2;
  if (point[0] !== 4 || !Number.isInteger(half)) throw new KeyError(m.ssh.keyUnknown);
  return { x: point.subarray(1, 1 + half), y: point.subarray(1 + half) };
}

/** spec: RFC 5958 */
async function pkcs8(bytes: Uint8Array): Promise<PrivateKey> {
  const parts = sequence(bytes);
  const algorithm = sequence(wrapped(part(parts, 1, SEQUENCE)));
  const inner = part(parts, 2, OCTETS);
  const name = oid(part(algorithm, 0, OID));
  if (name === '1.2.840.113549.1.1.1') return pkcs1(inner);
  if (name === '1.2.840.10045.2.1') return sec1(inner, CURVES[oid(part(algorithm, 1, OID))]);
  if (name === '1.3.101.112') return ed25519(inner.subarray(2));
  throw new KeyError(m.ssh.keyUnknown);
}

function wrapped(content: Uint8Array): Uint8Array {
  return Uint8Array.from([SEQUENCE, ...lengthOf(content.length), ...content]);
}

async function ed25519(seed: Uint8Array): Promise<EdKey> {
  const file = Uint8Array.from([0x30, 0x2e, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 4, 0x22, 4, 0x20, ...seed]);
  const key = await crypto.subtle.importKey('pkcs8', file, { name: 'Ed25519' }, true, ['sign']).catch(() => {
    throw new KeyError(m.ssh.noEd25519);
  });
  const { x = '' } = await crypto.subtle.exportKey('jwk', key);
  return { kind: 'ed25519', seed, publicKey: base64(x.replaceAll('-', '+').replaceAll('_', '/')) };
}

const PRFS: Record<string, string> = {
  '1.2.840.113549.2.7': 'SHA-1',
  '1.2.840.113549.2.9': 'SHA-256',
  '1.2.840.113549.2.10': 'SHA-384',
  '1.2.840.113549.2.11': 'SHA-512',
};
const CIPHERS: Record<string, number> = {
  '2.16.840.1.101.3.4.1.2': 128,
  '2.16.840.1.101.3.4.1.22': 192,
  '2.16.840.1.101.3.4.1.42': 256,
};
/** Rounds of PBKDF2 that are done at most: some seconds of work. */
const MOST_ROUNDS = 20_000_000;

/** PBES2 with PBKDF2 and AES-CBC, as OpenSSL writes it. spec: RFC 8018 A.4 */
async function decrypted(bytes: Uint8Array, passphrase: string): Promise<Uint8Array> {
  if (!passphrase) throw new KeyError(m.ssh.keyNeedsPassphrase, true);
  const parts = sequence(bytes);
  const scheme = sequence(wrapped(part(parts, 0, SEQUENCE)));
  const data = part(parts, 1, OCTETS);
  const methods = sequence(wrapped(part(scheme, 1, SEQUENCE)));
  const derivation = sequence(wrapped(part(methods, 0, SEQUENCE)));
  const cipher = sequence(wrapped(part(methods, 1, SEQUENCE)));
  const settings = sequence(wrapped(part(derivation, 1, SEQUENCE)));
  const bits = CIPHERS[oid(part(cipher, 0, OID))];
  const prf = settings.find((one) => one.tag === SEQUENCE);
  const hash = prf && !isNothing(prf) ? PRFS[oid(part(sequence(wrapped(prf.bytes)), 0, OID))] : 'SHA-1';
  const iterations = small(part(settings, 1, INTEGER));
  const known = oid(part(scheme, 0, OID)) === '1.2.840.113549.1.5.13' && oid(part(derivation, 0, OID)) === '1.2.840.113549.1.5.12';
  if (!known || !bits || !hash || iterations > MOST_ROUNDS) throw new KeyError(m.ssh.keyCipher('PKCS #8'));
  const secret = await crypto.subtle.importKey('raw', new TextEncoder().encode(passphrase), 'PBKDF2', false, ['deriveKey']);
  const salt = Uint8Array.from(part(settings, 0, OCTETS));
  const length = { name: 'AES-CBC', length: bits };
  const key = await crypto.subtle.deriveKey({ name: 'PBKDF2', hash, salt, iterations }, secret, length, false, ['decrypt']);
  const iv = Uint8Array.from(part(cipher, 1, OCTETS));
  try {
    return new Uint8Array(await crypto.subtle.decrypt({ name: 'AES-CBC', iv }, key, Uint8Array.from(data)));
  } catch {
    throw new KeyError(m.ssh.keyPassphrase, true);
  }
}
