/** The host keys this browser has seen, by device. */

const PREFIX = 'adit.host-key.';

export type Verdict = { kind: 'known' } | { kind: 'new' } | { kind: 'changed'; known: string };

/** The place of a device: of its account and region, by thing; without a thing by tunnel. */
export function placeOf(account: string, region: string, thing: string | undefined, tunnel: string): string {
  return `${account}/${region}/${thing ? `thing/${thing}` : `tunnel/${tunnel}`}`;
}

export function judge(place: string, fingerprint: string): Verdict {
  const known = localStorage.getItem(PREFIX + place);
  if (known === null) return { kind: 'new' };
  return known === fingerprint ? { kind: 'known' } : { kind: 'changed', known };
}

export function pin(place: string, fingerprint: string): void {
  localStorage.setItem(PREFIX + place, fingerprint);
}

/** As `ssh-keygen -l` shows a key: its type, and `SHA256:` in base64 without padding. */
export async function fingerprintOf(blob: Uint8Array): Promise<string> {
  const length = new DataView(blob.buffer, blob.byteOffset, blob.byteLength).getUint32(0);
  const type = new TextDecoder().decode(blob.subarray(4, 4 + length));
  const hash = new Uint8Array(await crypto.subtle.digest('SHA-256', Uint8Array.from(blob)));
  const text = btoa(String.fromCharCode(...hash)).replace(/=+$/, '');
  return `${type} SHA256:${text}`;
}
