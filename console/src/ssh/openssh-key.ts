/** OpenSSH's own private key files. spec: openssh-portable PROTOCOL.key */
import { m } from '../messages';
import { coordinates, KeyError, unsigned, type Curve, type PrivateKey } from './private-key';

const MAGIC = 'openssh-key-v1\0';
/** Rounds of bcrypt that are done at most; ssh-keygen's own number is 16 or 24, and each takes some milliseconds. */
const MOST_ROUNDS = 1_000;

/** A cursor over SSH's strings and numbers. */
class Reader {
  private at = 0;
  private readonly bytes: Uint8Array;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
  }

  take(length: number): Uint8Array {
    if (length > this.bytes.length - this.at) throw new KeyError(m.ssh.keyUnknown);
    this.at += length;
    return this.bytes.subarray(this.at - length, this.at);
  }

  number(): number {
    return this.take(4).reduce((value, byte) => value * 256 + byte, 0);
  }

  string(): Uint8Array {
    return this.take(this.number());
  }

  text(): string {
    return new TextDecoder().decode(this.string());
  }
}

export async function openssh(bytes: Uint8Array, passphrase: string): Promise<PrivateKey> {
  const reader = new Reader(bytes);
  if (new TextDecoder().decode(reader.take(MAGIC.length)) !== MAGIC) throw new KeyError(m.ssh.keyUnknown);
  const cipher = reader.text();
  const derivation = reader.text();
  const settings = reader.string();
  reader.number();
  reader.string();
  const sealed = reader.string();
  const plain = cipher === 'none' ? sealed : await opened(cipher, derivation, settings, sealed, passphrase);
  return secrets(new Reader(plain), cipher !== 'none');
}

async function opened(
  cipher: string,
  derivation: string,
  settings: Uint8Array,
  sealed: Uint8Array,
  passphrase: string,
): Promise<Uint8Array> {
  const shape = /^aes(128|192|256)-(ctr|cbc)$/.exec(cipher);
  if (!shape || derivation !== 'bcrypt') throw new KeyError(m.ssh.keyCipher(cipher));
  if (!passphrase) throw new KeyError(m.ssh.keyNeedsPassphrase, true);
  const reader = new Reader(settings);
  const salt = reader.string();
  const rounds = reader.number();
  if (rounds > MOST_ROUNDS) throw new KeyError(m.ssh.keyCipher(cipher));
  const { pbkdf } = (await import('bcrypt-pbkdf')).default;
  const length = Number(shape[1]) / 8;
  const derived = new Uint8Array(length + 16);
  const secret = new TextEncoder().encode(passphrase);
  pbkdf(secret, secret.length, salt, salt.length, derived, derived.length, rounds);
  const iv = derived.slice(length);
  const name = shape[2] === 'ctr' ? 'AES-CTR' : 'AES-CBC';
  const key = await crypto.subtle.importKey('raw', derived.slice(0, length), name, false, ['decrypt', 'encrypt']);
  const data = Uint8Array.from(sealed);
  if (name === 'AES-CTR') {
    return new Uint8Array(await crypto.subtle.decrypt({ name, counter: iv, length: 128 }, key, data));
  }
  // OpenSSH pads its own way, Web Crypto insists on PKCS #7: a block that decrypts to a whole pad is added.
  const last = data.slice(-16);
  const pad = new Uint8Array(await crypto.subtle.encrypt({ name, iv: last }, key, new Uint8Array())).slice(0, 16);
  return new Uint8Array(await crypto.subtle.decrypt({ name, iv }, key, Uint8Array.from([...data, ...pad])));
}

function secrets(reader: Reader, encrypted: boolean): PrivateKey {
  // Two equal numbers: the passphrase was right.
  if (reader.number() !== reader.number()) throw new KeyError(encrypted ? m.ssh.keyPassphrase : m.ssh.keyUnknown, encrypted);
  const type = reader.text();
  if (type === 'ssh-ed25519') {
    const publicKey = reader.string();
    const both = reader.string();
    if (publicKey.length !== 32 || both.length !== 64) throw new KeyError(m.ssh.keyUnknown);
    return { kind: 'ed25519', publicKey, seed: both.subarray(0, 32) };
  }
  if (type === 'ssh-rsa') {
    const [n, e, d, qi, p, q] = [0, 1, 2, 3, 4, 5].map(() => unsigned(reader.string())) as [
      Uint8Array,
      Uint8Array,
      Uint8Array,
      Uint8Array,
      Uint8Array,
      Uint8Array,
    ];
    return { kind: 'rsa', n, e, d, p, q, qi, dp: remainder(d, p), dq: remainder(d, q) };
  }
  const curve = /^ecdsa-sha2-(nistp(?:256|384|521))$/.exec(type)?.[1] as Curve | undefined;
  if (!curve) throw new KeyError(m.ssh.keyUnknown);
  reader.string();
  const point = coordinates(reader.string());
  return { kind: 'ec', curve, ...point, d: unsigned(reader.string()) };
}

/** `d mod (prime - 1)`, which these files leave out. */
function remainder(d: Uint8Array, prime: Uint8Array): Uint8Array {
  const number = (bytes: Uint8Array) => BigInt(`0x${[...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join('')}`);
  const hex = (number(d) % (number(prime) - 1n)).toString(16);
  const even = hex.length % 2 === 0 ? hex : `0${hex}`;
  return Uint8Array.from(even.match(/../g) ?? [], (pair) => parseInt(pair, 16));
}
