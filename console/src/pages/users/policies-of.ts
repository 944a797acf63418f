/** What lets a user do what it may. */
import { GetGroupPolicyCommand, GetPolicyCommand, GetPolicyVersionCommand, GetUserPolicyCommand } from '@aws-sdk/client-iam';

import { attachedTo, attachedToGroup, groupsOf, iam, inlineOf, inlineOfGroup } from '../../api/iam';

/** A policy, and how it comes to hold for the user. */
export interface Held {
  name: string;
  /** Of one with an ARN; the others are part of the user or of the group. */
  arn?: string | undefined;
  group?: string | undefined;
}

export function keyOf({ name, arn, group }: Held): string {
  return [group ?? '', arn ?? '', name].join(' ');
}

/** The user's own policies, then those of its groups. */
export async function policiesOf(user: string): Promise<Held[]> {
  const [attached, inline, groups] = await Promise.all([attachedTo(user), inlineOf(user), groupsOf(user)]);
  const through = await Promise.all(
    groups.map(async ({ GroupName: group = '' }) => {
      const [attached, inline] = await Promise.all([attachedToGroup(group), inlineOfGroup(group)]);
      return [
        ...attached.map((policy): Held => ({ name: policy.PolicyName ?? '', arn: policy.PolicyArn, group })),
        ...inline.map((name): Held => ({ name, group })),
      ];
    }),
  );
  return [
    ...attached.map((policy): Held => ({ name: policy.PolicyName ?? '', arn: policy.PolicyArn })),
    ...inline.map((name): Held => ({ name })),
    ...through.flat(),
  ];
}

/** IAM gives documents percent-encoded. */
export function decoded(document: string | undefined): string {
  try {
    return decodeURIComponent(document ?? '');
  } catch {
    return document ?? '';
  }
}

export async function documentOf(user: string, { name, arn, group }: Held): Promise<string> {
  if (arn) {
    const { Policy } = await iam().send(new GetPolicyCommand({ PolicyArn: arn }));
    const version = { PolicyArn: arn, VersionId: Policy?.DefaultVersionId };
    return decoded((await iam().send(new GetPolicyVersionCommand(version))).PolicyVersion?.Document);
  }
  if (group) {
    return decoded((await iam().send(new GetGroupPolicyCommand({ GroupName: group, PolicyName: name }))).PolicyDocument);
  }
  return decoded((await iam().send(new GetUserPolicyCommand({ UserName: user, PolicyName: name }))).PolicyDocument);
}
