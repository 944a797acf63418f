/** The devices of a CA, by how far each has come. */
import type { Certificate } from '@aws-sdk/client-iot';

import type { Attempt } from '../../api/adit';

export type Stage = 'active' | 'pending' | 'failed' | 'other';

export interface Newcomer {
  id: string;
  stage: Stage;
  status?: string | undefined;
  thing?: string | undefined;
  why?: string | undefined;
  tries: number;
  /** Milliseconds since 1970. */
  last: number;
}

function stageOf(status: string | undefined, attempt: Attempt | undefined): Stage {
  if (status === 'ACTIVE') return 'active';
  if (status && status !== 'PENDING_ACTIVATION') return 'other';
  if (attempt && !attempt.succeeded) return 'failed';
  // A try that succeeded of a certificate that is gone.
  return status ? 'pending' : 'other';
}

/** The certificates of a CA with the last try of each, the latest first. */
export function newcomers(certificates: readonly Certificate[], attempts: readonly Attempt[]): Newcomer[] {
  const tried = new Map(attempts.map((attempt) => [attempt.certificateId, attempt]));
  const known = new Map(certificates.map((certificate) => [certificate.certificateId ?? '', certificate]));
  const ids = new Set([...known.keys(), ...tried.keys()]);
  const all = [...ids].map((id): Newcomer => {
    const [certificate, attempt] = [known.get(id), tried.get(id)];
    const stage = stageOf(certificate?.status, attempt);
    return {
      id,
      stage,
      status: certificate?.status,
      thing: attempt?.thingName,
      why: stage === 'failed' ? `${attempt?.step ?? ''}: ${attempt?.reason ?? ''}` : undefined,
      tries: attempt?.tries ?? 0,
      last: attempt ? attempt.lastAt * 1000 : (certificate?.creationDate?.getTime() ?? 0),
    };
  });
  return all.sort((a, b) => b.last - a.last);
}

export function counts(all: readonly Newcomer[]): Record<Stage | 'seen', number> {
  const found = { seen: all.length, active: 0, pending: 0, failed: 0, other: 0 };
  for (const { stage } of all) found[stage]++;
  return found;
}
