/** The `aws` command that does the same as a form. */

import { signedIn } from './session';

export type Argument = string | number | boolean | undefined | object;

/**
 * The call of one of adit's own operations, which `aws` does not know, by curl: it signs, too. The environment is that of
 * *Settings*.
 */
export function curl(path: string, query: Record<string, string>): string {
  const { accessKeyId, region } = signedIn();
  const temporary = accessKeyId.startsWith('ASIA') ? ' -H "X-Amz-Security-Token: $AWS_SESSION_TOKEN"' : '';
  const pairs = Object.entries(query).map(([name, value]) => `${name}=${encodeURIComponent(value)}`);
  // curl signs the query as it stands, and the order belongs to what is signed.
  const url = `${location.origin}${path}${pairs.length > 0 ? `?${pairs.sort().join('&')}` : ''}`;
  return (
    `curl --cacert ca.pem --aws-sigv4 aws:amz:${region}:iot --user "$AWS_ACCESS_KEY_ID:$AWS_SECRET_ACCESS_KEY"` +
    `${temporary} ${quoted(url)}`
  );
}

/** A word for a POSIX shell. */
export function quoted(word: string): string {
  return /^[\w/:.,+=@%-]+$/.test(word) ? word : `'${word.replaceAll("'", String.raw`'\''`)}'`;
}

/** `aws SERVICE OPERATION --name value …`; `true` is a flag, what is undefined or false is left out. */
export function aws(service: string, operation: string, args: Record<string, Argument> = {}): string {
  const words = Object.entries(args).flatMap(([name, value]) => {
    if (value === undefined || value === false || value === '') return [];
    if (value === true) return [`--${name}`];
    return [`--${name} ${quoted(typeof value === 'object' ? JSON.stringify(value) : String(value))}`];
  });
  return [`aws ${service} ${operation}`, ...words].join(' ');
}
