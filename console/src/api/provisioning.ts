/** Devices on their way in: adit's own operations, below `/adit/`. */
import type { Attempt } from './adit';
import { adit } from './clients';

/** Pages of 250 that are asked for at most. */
const PAGES = 40;

/** The last try of each certificate of a CA. */
export async function attemptsOf(caCertificateId: string): Promise<Attempt[]> {
  const found: Attempt[] = [];
  let nextToken: string | undefined;
  for (let page = 0; page < PAGES; page++) {
    const query = { caCertificateId, maxResults: '250', ...(nextToken ? { nextToken } : {}) };
    const answer = await adit<{ attempts: Attempt[]; nextToken?: string }>('GET', '/adit/provisioning-attempts', query);
    found.push(...answer.attempts);
    nextToken = answer.nextToken;
    if (!nextToken) break;
  }
  return found;
}

export interface Plan {
  succeeds: boolean;
  step?: string;
  reason?: string;
  thing?: { thingName: string; thingTypeName?: string; attributes: Record<string, string>; thingGroups: string[] };
  certificateStatus?: string;
  policies: { policyName: string; policyDocument?: string }[];
  deviceConfiguration: Record<string, string>;
  calls: { operation: string; resource: string }[];
}

export interface PlanInput {
  versionId?: number;
  /** A body to try in place of the template's. */
  templateBody?: string;
  parameters: Record<string, string>;
}

/** What a template would make for a device with these parameters; nothing is made. */
export function plan(templateName: string, input: PlanInput): Promise<Plan> {
  return adit('POST', `/adit/provisioning-templates/${encodeURIComponent(templateName)}/plan`, {}, input);
}
