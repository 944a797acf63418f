/** What went wrong with a call, in the three kinds the pages tell apart. */

interface AwsError {
  name?: string;
  message?: string;
  $metadata?: { httpStatusCode?: number; requestId?: string };
}

const EXPIRED = ['ExpiredToken', 'ExpiredTokenException'];
const UNKNOWN_KEY = [
  'InvalidClientTokenId',
  'UnrecognizedClientException',
  'SignatureDoesNotMatch',
  'InvalidSignatureException',
  'InvalidAccessKeyId',
  'IncompleteSignature',
  'IncompleteSignatureException',
];
const DENIED = ['AccessDenied', 'AccessDeniedException', 'UnauthorizedException', 'ForbiddenException', 'Forbidden'];

export type Trouble = 'denied' | 'signed-out' | 'unreachable' | 'failed';

export function kindOf(error: unknown): Trouble {
  const { name = '', $metadata } = (error ?? {}) as AwsError;
  if (EXPIRED.includes(name) || UNKNOWN_KEY.includes(name)) return 'signed-out';
  if (DENIED.includes(name) || $metadata?.httpStatusCode === 403) return 'denied';
  // `fetch` says TypeError for whatever keeps it from an answer.
  if (error instanceof TypeError || name === 'TimeoutError' || name === 'AbortError') return 'unreachable';
  return 'failed';
}

export function isExpired(error: unknown): boolean {
  return EXPIRED.includes(((error ?? {}) as AwsError).name ?? '');
}

/** Whether it is the error of this name. */
export function isNamed(error: unknown, name: string): boolean {
  return ((error ?? {}) as AwsError).name === name;
}

export function isMissing(error: unknown): boolean {
  const { name, $metadata } = (error ?? {}) as AwsError;
  return name === 'ResourceNotFoundException' || $metadata?.httpStatusCode === 404;
}

export function textOf(error: unknown): string {
  const { name, message } = (error ?? {}) as AwsError;
  if (message) return message;
  return name ?? String(error);
}
