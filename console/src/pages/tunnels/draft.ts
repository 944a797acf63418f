/** A tunnel that is being described, and what is wrong with it. */
import type { OpenTunnelCommandInput } from '@aws-sdk/client-iotsecuretunneling';

import { aws } from '../../api/command';
import { m } from '../../messages';
import type { Tunnel } from './data';

export interface Draft {
  quick: boolean;
  thing: string;
  services: string[];
  about: string;
  minutes: string;
  tags: { key: string; value: string }[];
}

export const BLANK: Draft = { quick: true, thing: '', services: ['SSH'], about: '', minutes: '720', tags: [] };

/** A draft with the settings of another tunnel. */
export function like(tunnel: Tunnel): Draft {
  return {
    quick: false,
    thing: tunnel.destinationConfig?.thingName ?? '',
    services: tunnel.destinationConfig?.services ?? [],
    about: tunnel.description ?? '',
    minutes: String(tunnel.timeoutConfig?.maxLifetimeTimeoutMinutes ?? 720),
    tags: (tunnel.tags ?? []).map((tag) => ({ key: tag.key ?? '', value: tag.value ?? '' })),
  };
}

export interface Problems {
  thing?: string;
  services?: string;
  minutes?: string;
  tags?: string;
}

/** spec: secure-tunneling §1.2 */
export function problems(draft: Draft): Problems {
  const found: Problems = {};
  const services = draft.services.map((name) => name.trim());
  if (draft.quick && !draft.thing.trim()) found.thing = m.create.thingNeeded;
  if (draft.thing.trim() && !draft.quick) {
    if (services.length === 0 || !services.every((name) => /^[\w:-]{1,128}$/.test(name))) found.services = m.create.serviceBad;
    else if (new Set(services).size < services.length) found.services = m.create.serviceTwice;
  }
  const minutes = Number(draft.minutes);
  if (!/^\d+$/.test(draft.minutes.trim()) || minutes < 1 || minutes > 720) found.minutes = m.create.lifetimeBad;
  const keys = draft.tags.map((tag) => tag.key.trim());
  if (keys.some((key) => !key) || new Set(keys).size < keys.length) found.tags = m.create.tagBad;
  return found;
}

export function inputOf(draft: Draft): OpenTunnelCommandInput {
  const thingName = draft.thing.trim();
  const services = draft.quick ? ['SSH'] : draft.services.map((name) => name.trim());
  return {
    ...(draft.about.trim() ? { description: draft.about.trim() } : {}),
    ...(draft.tags.length > 0 ? { tags: draft.tags.map((tag) => ({ key: tag.key.trim(), value: tag.value })) } : {}),
    ...(thingName ? { destinationConfig: { thingName, services } } : {}),
    timeoutConfig: { maxLifetimeTimeoutMinutes: Number(draft.minutes) },
  };
}

export function commandOf(draft: Draft): string {
  const input = inputOf(draft);
  const config = input.destinationConfig;
  return aws('iotsecuretunneling', 'open-tunnel', {
    description: input.description,
    tags: input.tags,
    'timeout-config': `maxLifetimeTimeoutMinutes=${draft.minutes}`,
    'destination-config': config ? `thingName=${config.thingName},services=${config.services?.join(',')}` : undefined,
  });
}
