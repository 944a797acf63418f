/** From what is registered of a CA to what is wished: the calls that it takes. */
import type { DescribeCACertificateResponse, UpdateCACertificateRequest } from '@aws-sdk/client-iot';

import { aws } from '../../api/command';
import { compact, indented } from '../../parts/json';
import { configOf, START, type Config } from './ca-config';

export interface Wish {
  active: boolean;
  /** Whether certificates of its devices are registered on their first connection. */
  auto: boolean;
  config: Config;
}

export function wishOf({ certificateDescription: ca = {}, registrationConfig = {} }: Partial<DescribeCACertificateResponse>): Wish {
  const { templateName, templateBody, roleArn = '' } = registrationConfig;
  const own = { ...START, kind: 'own' as const, body: indented(templateBody), role: roleArn };
  return {
    active: ca.status === 'ACTIVE',
    auto: ca.autoRegistrationStatus === 'ENABLE',
    config: templateName ? { ...START, kind: 'named', name: templateName } : templateBody ? own : START,
  };
}

function isSame(a: Config, b: Config): boolean {
  if (a.kind !== b.kind) return false;
  if (a.kind === 'named') return a.name === b.name;
  return a.kind === 'none' || (compact(a.body) === compact(b.body) && a.role === b.role);
}

type Update = Omit<UpdateCACertificateRequest, 'certificateId'>;

/** What is not changed is not sent. Taking the config away switches auto registration off, so that takes a call of its own. */
export function updates(before: Wish, after: Wish): Update[] {
  const removed = before.config.kind !== 'none' && after.config.kind === 'none';
  const config = isSame(before.config, after.config) ? undefined : configOf(after.config);
  const auto = after.auto ? 'ENABLE' : 'DISABLE';
  const first: Update = {
    ...(before.active === after.active ? {} : { newStatus: after.active ? 'ACTIVE' : 'INACTIVE' }),
    ...(removed ? { removeAutoRegistration: true } : {}),
    ...(before.auto === after.auto || removed ? {} : { newAutoRegistrationStatus: auto }),
    ...(config ? { registrationConfig: config } : {}),
  };
  const second: Update[] = removed && after.auto ? [{ newAutoRegistrationStatus: auto }] : [];
  return [...(Object.keys(first).length > 0 ? [first] : []), ...second];
}

export function commandOf(certificateId: string, update: Update): string {
  return aws('iot', 'update-ca-certificate', {
    'certificate-id': certificateId,
    'new-status': update.newStatus,
    'new-auto-registration-status': update.newAutoRegistrationStatus,
    'registration-config': update.registrationConfig,
    'remove-auto-registration': update.removeAutoRegistration,
  });
}
