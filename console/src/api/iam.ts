/** Users, groups and their policies, by AWS's own client; loaded with the pages that need it. */
import {
  IAMClient,
  ListAccessKeysCommand,
  ListAttachedGroupPoliciesCommand,
  ListAttachedUserPoliciesCommand,
  ListGroupPoliciesCommand,
  ListGroupsForUserCommand,
  ListPoliciesCommand,
  ListUserPoliciesCommand,
  ListUsersCommand,
  type AccessKeyMetadata,
  type AttachedPolicy,
  type Group,
  type Policy,
  type User,
} from '@aws-sdk/client-iam';

import { signedIn, type Session } from './session';

const made = new WeakMap<Session, IAMClient>();

/** The client of who is signed in. */
export function iam(): IAMClient {
  const session = signedIn();
  let found = made.get(session);
  if (!found) {
    const { accessKeyId, secretAccessKey, sessionToken, region } = session;
    const credentials = { accessKeyId, secretAccessKey, ...(sessionToken ? { sessionToken } : {}) };
    found = new IAMClient({ region, credentials, endpoint: location.origin, maxAttempts: 3 });
    made.set(session, found);
  }
  return found;
}

interface Page {
  Marker?: string | undefined;
  IsTruncated?: boolean | undefined;
}

/** All pages of a listing. */
async function all<P extends Page, T>(ask: (marker: string | undefined) => Promise<P>, items: (page: P) => T[] | undefined): Promise<T[]> {
  const found: T[] = [];
  let marker: string | undefined;
  do {
    const page = await ask(marker);
    found.push(...(items(page) ?? []));
    marker = page.IsTruncated ? page.Marker : undefined;
  } while (marker);
  return found;
}

export function listUsers(): Promise<User[]> {
  return all(
    (Marker) => iam().send(new ListUsersCommand({ MaxItems: 1000, Marker })),
    (page) => page.Users,
  );
}

/** Policies with an ARN, of the account and AWS's own. */
export function listManaged(): Promise<Policy[]> {
  return all(
    (Marker) => iam().send(new ListPoliciesCommand({ Scope: 'All', MaxItems: 1000, Marker })),
    (page) => page.Policies,
  );
}

export function keysOf(UserName: string): Promise<AccessKeyMetadata[]> {
  return all(
    (Marker) => iam().send(new ListAccessKeysCommand({ UserName, Marker })),
    (page) => page.AccessKeyMetadata,
  );
}

export function groupsOf(UserName: string): Promise<Group[]> {
  return all(
    (Marker) => iam().send(new ListGroupsForUserCommand({ UserName, Marker })),
    (page) => page.Groups,
  );
}

export function attachedTo(UserName: string): Promise<AttachedPolicy[]> {
  return all(
    (Marker) => iam().send(new ListAttachedUserPoliciesCommand({ UserName, Marker })),
    (page) => page.AttachedPolicies,
  );
}

/** Names of the policies that are part of the user. */
export function inlineOf(UserName: string): Promise<string[]> {
  return all(
    (Marker) => iam().send(new ListUserPoliciesCommand({ UserName, Marker })),
    (page) => page.PolicyNames,
  );
}

export function attachedToGroup(GroupName: string): Promise<AttachedPolicy[]> {
  return all(
    (Marker) => iam().send(new ListAttachedGroupPoliciesCommand({ GroupName, Marker })),
    (page) => page.AttachedPolicies,
  );
}

export function inlineOfGroup(GroupName: string): Promise<string[]> {
  return all(
    (Marker) => iam().send(new ListGroupPoliciesCommand({ GroupName, Marker })),
    (page) => page.PolicyNames,
  );
}
