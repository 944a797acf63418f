/** Certificates and policies as the pages need them. */
import {
  ListAttachedPoliciesCommand,
  ListCertificatesCommand,
  ListPoliciesCommand,
  ListPrincipalThingsCommand,
  ListTargetsForPolicyCommand,
  type Certificate,
  type Policy,
} from '@aws-sdk/client-iot';

import { clients } from '../../api/clients';
import { each } from '../../api/live';
import { m } from '../../messages';
import { policiesFor, type Way } from '../../parts/effective';

interface Page {
  nextMarker?: string | undefined;
}

/** Items of a listing that are asked for at most. */
const MOST = 50_000;

/** All pages of a listing. */
async function all<P extends Page, T>(ask: (marker: string | undefined) => Promise<P>, items: (page: P) => T[] | undefined): Promise<T[]> {
  const found: T[] = [];
  let marker: string | undefined;
  do {
    const page = await ask(marker);
    found.push(...(items(page) ?? []));
    marker = page.nextMarker;
  } while (marker && found.length < MOST);
  return found;
}

export function listCertificates(): Promise<Certificate[]> {
  return all(
    (marker) => clients().iot.send(new ListCertificatesCommand({ pageSize: 250, marker })),
    (page) => page.certificates,
  );
}

export function listPolicies(): Promise<Policy[]> {
  return all(
    (marker) => clients().iot.send(new ListPoliciesCommand({ pageSize: 250, marker })),
    (page) => page.policies,
  );
}

/** ARNs of what a policy is attached to. */
export function targetsOf(policyName: string): Promise<string[]> {
  return all(
    (marker) => clients().iot.send(new ListTargetsForPolicyCommand({ policyName, pageSize: 250, marker })),
    (page) => page.targets,
  );
}

/** Names of the policies that are attached to a certificate. */
export function policiesOf(target: string): Promise<string[]> {
  return all(
    (marker) => clients().iot.send(new ListAttachedPoliciesCommand({ target, pageSize: 250, marker })),
    (page) => page.policies?.map(({ policyName = '' }) => policyName),
  );
}

/** Things that a certificate is attached to; one call tells of 250. */
export async function thingsOf(principal: string): Promise<string[]> {
  return (await clients().iot.send(new ListPrincipalThingsCommand({ principal, maxResults: 250 }))).things ?? [];
}

export async function attachedTo(arn: string): Promise<{ things: string[]; policies: string[] }> {
  const [things, policies] = await Promise.all([thingsOf(arn), policiesOf(arn)]);
  return { things, policies };
}

/** Things whose groups are asked for policies. */
const MOST_THINGS = 10;

/** How a certificate comes by its policies: its own, and those of its things' groups. */
export async function waysTo(principal: string): Promise<Way[]> {
  const things = (await thingsOf(principal)).slice(0, MOST_THINGS);
  const own = { through: m.effective.attached, policies: await policiesFor({ principal }) };
  const groups = await each(things, 4, async (thingName) => ({
    through: m.effective.groupsOf(thingName),
    policies: await policiesFor({ thingName }),
  }));
  return [own, ...groups];
}
