import { describe, expect, it } from 'vitest';

import { MOST_QUESTIONS, nameOf, read, resourceOf, simulatorFor, written } from '../src/pages/security/questions';

describe('the questions of the simulator', () => {
  it('are the same after a way through an address', () => {
    const questions = [
      { action: 'CONNECT', what: '' },
      { action: 'SUBSCRIBE', what: 'lamps/+/a b' },
      { action: 'PUBLISH', what: 'lamp/on' },
    ] as const;
    expect(read(written(questions))).toEqual(questions);
  });

  it('are none of what asks nothing, and no more than one call takes', () => {
    expect(read('')).toEqual([]);
    expect(read('FLY away\nPUBLISHED x\nRECEIVE a')).toEqual([{ action: 'RECEIVE', what: 'a' }]);
    expect(read('CONNECT a\n'.repeat(MOST_QUESTIONS + 5))).toHaveLength(MOST_QUESTIONS);
  });

  it('are about the resource that the action has', () => {
    const of = (action: 'CONNECT' | 'PUBLISH' | 'SUBSCRIBE', what: string) => resourceOf({ action, what }, 'us-east-1', '123456789012');
    expect(of('CONNECT', 'lamp')).toBe('arn:aws:iot:us-east-1:123456789012:client/lamp');
    expect(of('PUBLISH', 'a/b')).toBe('arn:aws:iot:us-east-1:123456789012:topic/a/b');
    expect(of('SUBSCRIBE', 'a/#')).toBe('arn:aws:iot:us-east-1:123456789012:topicfilter/a/#');
    expect(of('PUBLISH', 'arn:aws:iot:eu-west-1:1:topic/x')).toBe('arn:aws:iot:eu-west-1:1:topic/x');
    expect(nameOf('PUBLISH')).toBe('iot:Publish');
  });

  it('can be what was refused', () => {
    const tried = { certificateId: 'abc', clientId: 'lamp', action: 'iot:Publish', resource: 'arn:aws:iot:us-east-1:1:topic/a b' };
    const [, query] = simulatorFor(tried)?.split('?') ?? [];
    const asked = new URLSearchParams(query);
    expect([asked.get('certificate'), asked.get('client')]).toEqual(['abc', 'lamp']);
    expect(read(asked.get('ask') ?? '')).toEqual([{ action: 'PUBLISH', what: 'arn:aws:iot:us-east-1:1:topic/a b' }]);
    const { certificateId: _, ...unknown } = tried;
    expect(simulatorFor(unknown)).toBeUndefined();
    expect(simulatorFor({ ...tried, action: 'iot:UpdateThingShadow' })).toBeUndefined();
  });
});
