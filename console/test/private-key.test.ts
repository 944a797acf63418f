/** Key files as ssh-keygen and OpenSSL really write them. */
import { execFileSync } from 'node:child_process';
import { createPrivateKey } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';

import { m } from '../src/messages';
import { KeyError, readKey, type PrivateKey } from '../src/ssh/private-key';

const folder = mkdtempSync(join(tmpdir(), 'adit-keys-'));
afterAll(() => rmSync(folder, { recursive: true }));

let count = 0;

function sshKeygen(...args: string[]): string {
  const path = join(folder, `key-${++count}`);
  execFileSync('ssh-keygen', ['-q', ...args, '-f', path]);
  return path;
}

const openssl = (...args: string[]) => execFileSync('openssl', args, { encoding: 'utf8', stdio: ['pipe', 'pipe', 'ignore'] });
const text = (path: string) => readFileSync(path, 'utf8');
const url = (bytes: Uint8Array) => Buffer.from(bytes).toString('base64url');

/** The numbers of a key as Node reads them from PKCS #8, in JWK. */
function expectSame(found: PrivateKey, plain: string): void {
  const jwk = createPrivateKey(plain).export({ format: 'jwk' });
  if (found.kind === 'rsa') {
    const { n, e, d, p, q, dp, dq, qi } = found;
    const numbers = Object.fromEntries(Object.entries({ n, e, d, p, q, dp, dq, qi }).map(([name, bytes]) => [name, url(bytes)]));
    expect(jwk).toMatchObject(numbers);
  } else if (found.kind === 'ec') {
    expect([url(found.x), url(found.y)]).toEqual([jwk.x, jwk.y]);
    // A private number may begin with zeros.
    expect(BigInt(`0x${Buffer.from(found.d).toString('hex')}`)).toBe(BigInt(`0x${Buffer.from(jwk.d ?? '', 'base64url').toString('hex')}`));
  } else {
    expect([url(found.publicKey), url(found.seed)]).toEqual([jwk.x, jwk.d]);
  }
}

/** The same key in PKCS #8 without a passphrase. */
function plainOf(path: string, passphrase: string): string {
  const copy = `${path}-plain`;
  execFileSync('cp', [path, copy]);
  execFileSync('ssh-keygen', ['-q', '-p', '-P', passphrase, '-N', '', '-m', 'PEM', '-f', copy]);
  return openssl('pkcs8', '-topk8', '-nocrypt', '-in', copy);
}

const TYPES: [string, string[]][] = [
  ['RSA', ['-t', 'rsa', '-b', '2048']],
  ['ECDSA P-256', ['-t', 'ecdsa', '-b', '256']],
  ['ECDSA P-384', ['-t', 'ecdsa', '-b', '384']],
  ['ECDSA P-521', ['-t', 'ecdsa', '-b', '521']],
];

test.each(TYPES)('%s in OpenSSH, PEM and PKCS #8 files', async (_, type) => {
  for (const format of ['RFC4716', 'PEM', 'PKCS8']) {
    const path = sshKeygen(...type, '-N', '', '-m', format);
    expectSame(await readKey(text(path), ''), plainOf(path, ''));
  }
});

test.each(TYPES)('%s with a passphrase, in OpenSSH files of each cipher and PKCS #8', async (_, type) => {
  for (const cipher of ['aes256-ctr', 'aes128-ctr', 'aes256-cbc']) {
    const path = sshKeygen(...type, '-N', 'open sesame', '-a', '4', '-Z', cipher);
    expectSame(await readKey(text(path), 'open sesame'), plainOf(path, 'open sesame'));
    await expect(readKey(text(path), 'wrong')).rejects.toMatchObject({ message: m.ssh.keyPassphrase, passphrase: true });
  }
  const plain = plainOf(sshKeygen(...type, '-N', ''), '');
  const path = join(folder, `pem-${++count}`);
  execFileSync('openssl', ['pkcs8', '-topk8', '-v2', 'aes-256-cbc', '-passout', 'pass:open sesame', '-out', path], { input: plain });
  expectSame(await readKey(text(path), 'open sesame'), plain);
  await expect(readKey(text(path), '')).rejects.toMatchObject({ message: m.ssh.keyNeedsPassphrase, passphrase: true });
  await expect(readKey(text(path), 'wrong')).rejects.toBeInstanceOf(KeyError);
});

test('Ed25519 in OpenSSH files, plain and with a passphrase, and PKCS #8', async () => {
  const pem = openssl('genpkey', '-algorithm', 'ed25519');
  expectSame(await readKey(pem, ''), pem);
  const path = sshKeygen('-t', 'ed25519', '-N', '');
  const found = await readKey(text(path), '');
  const shown = text(`${path}.pub`).split(' ')[1] ?? '';
  expect(found.kind === 'ed25519' && url(found.publicKey)).toBe(Buffer.from(shown, 'base64').subarray(-32).toString('base64url'));
  const sealed = sshKeygen('-t', 'ed25519', '-N', 'open sesame', '-a', '4');
  expect((await readKey(text(sealed), 'open sesame')).kind).toBe('ed25519');
  await expect(readKey(text(sealed), '')).rejects.toMatchObject({ message: m.ssh.keyNeedsPassphrase });
});

test('what is no private key is told so', async () => {
  const path = sshKeygen('-t', 'ed25519', '-N', '');
  const old = sshKeygen('-t', 'rsa', '-N', 'open sesame', '-m', 'PEM');
  const gcm = sshKeygen('-t', 'ed25519', '-N', 'open sesame', '-Z', 'aes256-gcm@openssh.com');
  for (const [content, reason] of [
    [text(`${path}.pub`), m.ssh.keyPublic],
    [text(old), m.ssh.keyOldEncryption],
    [text(gcm), m.ssh.keyCipher('aes256-gcm@openssh.com')],
    ['', m.ssh.keyUnknown],
    ['hello', m.ssh.keyUnknown],
    [openssl('genpkey', '-algorithm', 'x25519'), m.ssh.keyUnknown],
    ['-----BEGIN PRIVATE KEY-----\n!!!\n-----END PRIVATE KEY-----', m.ssh.keyUnknown],
  ] as const) {
    await expect(readKey(content, 'open sesame')).rejects.toThrow(reason);
  }
});

test('a file cut short anywhere is refused and not misread', async () => {
  for (const plain of [text(sshKeygen('-t', 'rsa', '-N', '', '-m', 'PEM')), text(sshKeygen('-t', 'ecdsa', '-N', ''))]) {
    const label = /BEGIN ([A-Z ]+)/.exec(plain)?.[1] ?? '';
    const bytes = Buffer.from(plain.replace(/-----.*-----/g, ''), 'base64');
    // The last bytes of an OpenSSH file are its comment and padding.
    for (let length = 0; length < bytes.length * 0.7; length += 7) {
      const body = bytes.subarray(0, length).toString('base64');
      await expect(readKey(`-----BEGIN ${label}-----\n${body}\n-----END ${label}-----`, '')).rejects.toBeInstanceOf(KeyError);
    }
  }
});
