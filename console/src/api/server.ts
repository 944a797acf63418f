/** What the server says of itself to anybody. */

export interface About {
  version: string;
  region: string;
  /** Whether its certificate is of its own CA, at `/console/ca.pem`. */
  ownCa: boolean;
}

let asked: Promise<About> | undefined;

export function about(): Promise<About> {
  asked ??= fetch('/console/about')
    .then((answer) => answer.json() as Promise<About>)
    .catch((error: unknown) => {
      asked = undefined;
      throw error;
    });
  return asked;
}

/** `host:port` of this page, as local proxies are given it. */
export function endpoint(): string {
  const port = location.port || (location.protocol === 'https:' ? '443' : '80');
  return `${location.hostname}:${port}`;
}

export interface LinkCredentials {
  credentials: { AccessKeyId: string; SecretAccessKey: string; SessionToken: string; Expiration: string };
  account: string;
  region: string;
}

/** Exchanges the code of a sign-in link, once. */
export async function exchange(code: string): Promise<LinkCredentials> {
  const answer = await fetch('/console/sign-in', {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ code }),
  });
  const body = (await answer.json()) as LinkCredentials & { message?: string };
  if (!answer.ok) throw new Error(body.message ?? `${answer.status}`);
  return body;
}
