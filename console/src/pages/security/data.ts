/** Certificates and policies as the pages need them. */
import { ListCertificatesCommand, ListPoliciesCommand, type Certificate, type Policy } from '@aws-sdk/client-iot';

import { clients } from '../../api/clients';

export async function listCertificates(): Promise<Certificate[]> {
  const found: Certificate[] = [];
  let marker: string | undefined;
  do {
    const page = await clients().iot.send(new ListCertificatesCommand({ pageSize: 250, marker }));
    found.push(...(page.certificates ?? []));
    marker = page.nextMarker;
  } while (marker);
  return found;
}

export async function listPolicies(): Promise<Policy[]> {
  const found: Policy[] = [];
  let marker: string | undefined;
  do {
    const page = await clients().iot.send(new ListPoliciesCommand({ pageSize: 250, marker }));
    found.push(...(page.policies ?? []));
    marker = page.nextMarker;
  } while (marker);
  return found;
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
