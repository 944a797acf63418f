/** Provisioning templates as the pages need them. */
import {
  ListCACertificatesCommand,
  ListProvisioningTemplatesCommand,
  ListProvisioningTemplateVersionsCommand,
  type ProvisioningTemplateSummary,
} from '@aws-sdk/client-iot';

import { clients } from '../../api/clients';
import type { Version } from '../../parts/versions';

export async function listTemplates(): Promise<ProvisioningTemplateSummary[]> {
  const found: ProvisioningTemplateSummary[] = [];
  let nextToken: string | undefined;
  do {
    const page = await clients().iot.send(new ListProvisioningTemplatesCommand({ maxResults: 250, nextToken }));
    found.push(...(page.templates ?? []));
    nextToken = page.nextToken;
  } while (nextToken);
  return found;
}

/** The versions of a template, the newest first. */
export async function listVersions(templateName: string): Promise<Version[]> {
  const input = { templateName, maxResults: 250 };
  const { versions = [] } = await clients().iot.send(new ListProvisioningTemplateVersionsCommand(input));
  const sorted = [...versions].sort((a, b) => (b.versionId ?? 0) - (a.versionId ?? 0));
  return sorted.map(({ versionId, creationDate }) => ({ id: String(versionId), created: creationDate }));
}

/** Ids of CAs whose registration config names a template; one call tells of 250. */
export async function casNaming(templateName: string): Promise<string[]> {
  const { certificates = [] } = await clients().iot.send(new ListCACertificatesCommand({ templateName, pageSize: 250 }));
  return certificates.map(({ certificateId = '' }) => certificateId);
}

export function isRole(text: string): boolean {
  return /^arn:aws[\w-]*:iam::\d{12}:role\/\S+$/.test(text);
}

/** A parameter that a template declares, with its default. */
export interface Parameter {
  name: string;
  default?: string | undefined;
}

/** The parameters that a template declares, in its order; none of a text that is no template. */
export function parametersOf(body: string): Parameter[] {
  try {
    const { Parameters = {} } = JSON.parse(body) as { Parameters?: Record<string, { Default?: unknown } | null> };
    return Object.entries(Parameters).map(([name, declared]) => {
      const value = declared?.Default;
      return { name, default: typeof value === 'string' ? value : undefined };
    });
  } catch {
    return [];
  }
}

const OWN_NAME = '${iot:Connection.Thing.ThingName}';

const POLICY = {
  Version: '2012-10-17',
  Statement: [
    { Effect: 'Allow', Action: 'iot:Connect', Resource: `arn:aws:iot:*:*:client/${OWN_NAME}` },
    { Effect: 'Allow', Action: ['iot:Publish', 'iot:Receive'], Resource: `arn:aws:iot:*:*:topic/${OWN_NAME}/*` },
    { Effect: 'Allow', Action: 'iot:Subscribe', Resource: `arn:aws:iot:*:*:topicfilter/${OWN_NAME}/*` },
  ],
};

/** A thing of that name, with a policy for what bears its own name. */
function example(name: string): string {
  const template = {
    Parameters: Object.fromEntries([name, 'AWS::IoT::Certificate::Id'].map((each) => [each, { Type: 'String' }])),
    Resources: {
      thing: { Type: 'AWS::IoT::Thing', Properties: { ThingName: { Ref: name } } },
      certificate: {
        Type: 'AWS::IoT::Certificate',
        Properties: { CertificateId: { Ref: 'AWS::IoT::Certificate::Id' }, Status: 'ACTIVE' },
      },
      policy: { Type: 'AWS::IoT::Policy', Properties: { PolicyDocument: POLICY } },
    },
  };
  return JSON.stringify(template, null, 2);
}

/** What to start from, by type. */
export const EXAMPLES = {
  JITP: example('AWS::IoT::Certificate::CommonName'),
  FLEET_PROVISIONING: example('SerialNumber'),
};
