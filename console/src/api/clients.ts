/** AWS's own clients, pointed at where this page came from. */
import { Sha256 } from '@aws-crypto/sha256-js';
import { IoTClient } from '@aws-sdk/client-iot';
import { IoTDataPlaneClient } from '@aws-sdk/client-iot-data-plane';
import { IoTSecureTunnelingClient } from '@aws-sdk/client-iotsecuretunneling';
import { STSClient } from '@aws-sdk/client-sts';
import { SignatureV4 } from '@smithy/signature-v4';

import { signedIn, type Session } from './session';

type Credentials = Pick<Session, 'accessKeyId' | 'secretAccessKey' | 'sessionToken' | 'region'>;

export interface Clients {
  iot: IoTClient;
  data: IoTDataPlaneClient;
  tunnels: IoTSecureTunnelingClient;
  sts: STSClient;
  signer: SignatureV4;
}

export function connect(who: Credentials): Clients {
  const { accessKeyId, secretAccessKey, sessionToken, region } = who;
  const credentials = { accessKeyId, secretAccessKey, ...(sessionToken ? { sessionToken } : {}) };
  const options = { region, credentials, endpoint: location.origin, maxAttempts: 3 };
  return {
    iot: new IoTClient(options),
    data: new IoTDataPlaneClient(options),
    tunnels: new IoTSecureTunnelingClient(options),
    sts: new STSClient(options),
    signer: new SignatureV4({ service: 'iot', region, credentials, sha256: Sha256 }),
  };
}

const made = new WeakMap<Session, Clients>();

/** The clients of who is signed in. */
export function clients(): Clients {
  const session = signedIn();
  let found = made.get(session);
  if (!found) made.set(session, (found = connect(session)));
  return found;
}

/** A call of adit's own operations, below `/adit/`, signed like those of AWS's registry. */
export async function adit<T>(
  method: 'GET' | 'POST',
  path: string,
  query: Record<string, string> = {},
  input?: object,
): Promise<T> {
  const body = input === undefined ? undefined : JSON.stringify(input);
  const request = {
    method,
    protocol: location.protocol,
    hostname: location.hostname,
    ...(location.port ? { port: Number(location.port) } : {}),
    path,
    query,
    headers: { host: location.host, ...(body ? { 'content-type': 'application/json' } : {}) },
    ...(body ? { body } : {}),
  };
  const signed = await clients().signer.sign(request);
  const { host: _, ...headers } = signed.headers;
  const text = new URLSearchParams(query).toString();
  const answer = await fetch(`${path}${text ? `?${text}` : ''}`, {
    method,
    headers,
    credentials: 'omit',
    ...(body ? { body } : {}),
  });
  const said = (await answer.json().catch(() => ({}))) as T & { message?: string };
  if (answer.ok) return said;
  const name = answer.headers.get('x-amzn-errortype')?.split(':')[0] ?? 'Error';
  const error = new Error(said.message ?? `${answer.status} ${answer.statusText}`);
  throw Object.assign(error, { name, $metadata: { httpStatusCode: answer.status } });
}
