/** What the simulator is asked, and how an address holds it. */
import type { ActionType } from '@aws-sdk/client-iot';

import { href } from '../../router';

export interface Question {
  action: ActionType;
  /** A topic, a topic filter, a client id, or an ARN. */
  what: string;
}

/** Questions of one call (AWS's own bound). */
export const MOST_QUESTIONS = 10;

const KINDS: Record<ActionType, string> = { CONNECT: 'client', PUBLISH: 'topic', RECEIVE: 'topic', SUBSCRIBE: 'topicfilter' };

export const ACTIONS = Object.keys(KINDS) as ActionType[];

/** As policies write it: `iot:Publish`. */
export function nameOf(action: string): string {
  return `iot:${action.slice(0, 1)}${action.slice(1).toLowerCase()}`;
}

/** The ARN of what an action is done to. */
export function resourceOf({ action, what }: Question, region: string, account: string): string {
  return what.startsWith('arn:') ? what : `arn:aws:iot:${region}:${account}:${KINDS[action]}/${what}`;
}

/** A question a line: `PUBLISH lamp/on`. */
export function written(questions: readonly Question[]): string {
  return questions.map(({ action, what }) => `${action} ${what}`).join('\n');
}

export function read(text: string): Question[] {
  const lines = text.split('\n').slice(0, MOST_QUESTIONS);
  return lines.flatMap((line) => {
    const [word = ''] = line.split(' ', 1);
    const action = ACTIONS.find((each) => each === word);
    return action ? [{ action, what: line.slice(word.length + 1) }] : [];
  });
}

/** What was tried and refused. */
interface Tried {
  certificateId?: string;
  clientId?: string;
  /** As policies write it. */
  action?: string;
  /** Its ARN. */
  resource?: string;
}

/** The simulator's page with what was tried; none for what it cannot be asked. */
export function simulatorFor({ certificateId, clientId, action: name, resource }: Tried): string | undefined {
  const action = ACTIONS.find((each) => nameOf(each) === name);
  if (!certificateId || !action || !resource) return undefined;
  return href(['simulator'], { certificate: certificateId, client: clientId, ask: written([{ action, what: resource }]) });
}
