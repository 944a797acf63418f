/** What would be decided, and by which statements: adit's own operation, below `/adit/`. */
import type { ActionType } from '@aws-sdk/client-iot';

import { adit } from './clients';

/** Input of TestAuthorization, which is that of ExplainAuthorization. */
export interface Questions {
  principal?: string;
  clientId?: string;
  authInfos: { actionType: ActionType; resources: string[] }[];
  policyNamesToAdd?: string[];
}

export interface Statement {
  policyName: string;
  /** From 1, in the order of the document. */
  number: number;
  sid?: string;
  effect: string;
  statement: unknown;
}

export interface Explained {
  actionType: string;
  resource: string;
  decision: 'ALLOWED' | 'EXPLICIT_DENY' | 'IMPLICIT_DENY';
  reason: string;
  /** Those that made the decision. */
  statements: Statement[];
  /** Names of all that count. */
  policies: string[];
  missingContextValues: string[];
  thingName?: string;
}

/** One answer for each resource, in the order of the questions. */
export async function explain(questions: Questions): Promise<Explained[]> {
  return (await adit<{ results: Explained[] }>('POST', '/adit/authorization/explain', {}, questions)).results;
}
