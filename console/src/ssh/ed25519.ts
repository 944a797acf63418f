/** Ed25519 for dev-tunnels-ssh, with Web Crypto. spec: RFC 8709 */
import './globals';

import { PublicKeyAlgorithm, SshDataReader, SshDataWriter, type KeyPair, type Signer, type Verifier } from '@microsoft/dev-tunnels-ssh';
import { Buffer } from 'buffer';

export const NAME = 'ssh-ed25519';
const ALGORITHM = { name: 'Ed25519' };
/** What comes before the 32 bytes of a seed in PKCS #8. spec: RFC 8410 §7 */
const PKCS8 = [0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20];

export class Ed25519KeyPair implements KeyPair {
  readonly keyAlgorithmName = NAME;
  comment: string | null = null;
  privateKey: CryptoKey | undefined;
  publicKey: CryptoKey | undefined;
  private bytes: Uint8Array | undefined;

  get hasPublicKey(): boolean {
    return this.publicKey !== undefined;
  }

  get hasPrivateKey(): boolean {
    return this.privateKey !== undefined;
  }

  /** A key pair of 32 bytes each. */
  static async of(publicKey: Uint8Array, seed: Uint8Array): Promise<Ed25519KeyPair> {
    const pair = new Ed25519KeyPair();
    await pair.setRaw(publicKey);
    const pkcs8 = Uint8Array.from([...PKCS8, ...seed]);
    pair.privateKey = await crypto.subtle.importKey('pkcs8', pkcs8, ALGORITHM, false, ['sign']);
    return pair;
  }

  async setRaw(publicKey: Uint8Array): Promise<void> {
    this.bytes = Uint8Array.from(publicKey);
    this.publicKey = await crypto.subtle.importKey('raw', Uint8Array.from(publicKey), ALGORITHM, true, ['verify']);
  }

  async setPublicKeyBytes(keyBytes: Buffer): Promise<void> {
    const reader = new SshDataReader(keyBytes);
    const name = reader.readString('ascii');
    if (name !== NAME) throw new Error(`not an Ed25519 key: ${name}`);
    await this.setRaw(reader.readBinary());
  }

  async getPublicKeyBytes(): Promise<Buffer | null> {
    if (!this.bytes) return null;
    const writer = new SshDataWriter(Buffer.alloc(64));
    writer.writeString(NAME, 'ascii');
    writer.writeBinary(Buffer.from(this.bytes));
    return writer.toBuffer();
  }

  generate(): Promise<void> {
    return Promise.reject(new Error('keys are not made here'));
  }

  importParameters(): Promise<void> {
    return Promise.reject(new Error('an Ed25519 key has no parameters'));
  }

  exportParameters(): Promise<never> {
    return Promise.reject(new Error('an Ed25519 key has no parameters'));
  }

  dispose(): void {
    this.privateKey = undefined;
  }
}

export class Ed25519 extends PublicKeyAlgorithm {
  constructor() {
    super(NAME, NAME, 'SHA2-512');
  }

  createKeyPair(): KeyPair {
    return new Ed25519KeyPair();
  }

  generateKeyPair(): Promise<KeyPair> {
    return Promise.reject(new Error('keys are not made here'));
  }

  createSigner(pair: KeyPair): Signer {
    const key = (pair as Ed25519KeyPair).privateKey;
    if (!key) throw new Error('the key has no private half');
    return {
      digestLength: 64,
      sign: async (data: Buffer) => Buffer.from(await crypto.subtle.sign(ALGORITHM, key, Uint8Array.from(data))),
      dispose: () => undefined,
    };
  }

  createVerifier(pair: KeyPair): Verifier {
    const key = (pair as Ed25519KeyPair).publicKey;
    if (!key) throw new Error('the key has no public half');
    return {
      digestLength: 64,
      verify: (data: Buffer, signature: Buffer) =>
        crypto.subtle.verify(ALGORITHM, key, Uint8Array.from(signature), Uint8Array.from(data)),
      dispose: () => undefined,
    };
  }
}

/** Whether this browser has Ed25519. */
export async function supported(): Promise<boolean> {
  return crypto.subtle.generateKey(ALGORITHM, false, ['sign']).then(
    () => true,
    () => false,
  );
}
