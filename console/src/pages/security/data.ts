/** Certificates and policies as the pages need them. */
import {
  ListCertificatesCommand,
  ListPoliciesCommand,
  ListTargetsForPolicyCommand,
  type Certificate,
  type Policy,
} from '@aws-sdk/client-iot';

import { clients } from '../../api/clients';

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

/** A document for people. */
export function indented(document: string | undefined): string {
  try {
    return JSON.stringify(JSON.parse(document ?? ''), null, 2);
  } catch {
    return document ?? '';
  }
}

export function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

/** The same JSON in one line, for a command; a text that is none as it is. */
export function compact(text: string): string {
  return isJson(text) ? JSON.stringify(JSON.parse(text)) : text;
}
