import { describe, expect, test } from 'vitest';

import { aws, quoted } from '../src/api/command';
import { isMissing, kindOf } from '../src/api/errors';
import { each, pause } from '../src/api/live';
import { span } from '../src/api/time';
import { BLANK, commandOf, inputOf, like, problems } from '../src/pages/tunnels/draft';
import { arrange, pageOf, pages, PAGE_SIZE } from '../src/parts/table';
import { href, parse } from '../src/router';

describe('addresses', () => {
  test('are read as they are written', () => {
    const to = href(['things', 'a/b c?'], { filter: 'x y&z', sort: '', page: undefined });
    expect(to).toBe('#/things/a%2Fb%20c%3F?filter=x+y%26z');
    const { path, query } = parse(to);
    expect([path, query.get('filter')]).toEqual([['things', 'a/b c?'], 'x y&z']);
  });

  test('that are broken are read all the same', () => {
    expect(parse('').path).toEqual([]);
    expect(parse('#/things/%E0%A4%A').path).toEqual(['things', '%E0%A4%A']);
  });
});

test('commands survive a shell', () => {
  expect(aws('iot', 'create-thing', { 'thing-name': "it's", n: 1, flag: true, off: false, none: undefined })).toBe(
    String.raw`aws iot create-thing --thing-name 'it'\''s' --n 1 --flag`,
  );
  expect(aws('x', 'y', { tags: [{ key: 'a' }] })).toBe(`aws x y --tags '[{"key":"a"}]'`);
  expect([quoted('a=b,c:d/e-f.g'), quoted('$(reboot)'), quoted('')]).toEqual(['a=b,c:d/e-f.g', "'$(reboot)'", "''"]);
});

test('spans are told in two units', () => {
  const cases: [number, string][] = [
    [0, '0 sec'],
    [-5, '0 sec'],
    [59_999, '59 sec'],
    [60_000, '1 min'],
    [3_661_000, '1 hr 1 min'],
    [43_200_000, '12 hr'],
    [90_061_000, '1 day 1 hr'],
  ];
  for (const [milliseconds, text] of cases) expect(span(milliseconds)).toBe(text);
});

test('errors are told apart', () => {
  const named = (name: string, httpStatusCode?: number) => ({ name, $metadata: { httpStatusCode } });
  expect(kindOf(named('AccessDeniedException', 400))).toBe('denied');
  expect(kindOf(named('Other', 403))).toBe('denied');
  expect(kindOf(named('ExpiredTokenException', 403))).toBe('signed-out');
  expect(kindOf(named('SignatureDoesNotMatch', 403))).toBe('signed-out');
  expect(kindOf(new TypeError('Failed to fetch'))).toBe('unreachable');
  expect(kindOf(named('LimitExceededException', 400))).toBe('failed');
  expect([isMissing(named('ResourceNotFoundException')), isMissing(named('X', 404)), isMissing(undefined)]).toEqual([true, true, false]);
});

test('a server that does not answer is asked less and less', () => {
  expect([0, 1, 2, 3, 10].map((failures) => pause(failures, 0))).toEqual([5_000, 10_000, 20_000, 40_000, 60_000]);
  expect([pause(0, 1_000), pause(0, 10_000)]).toEqual([20_000, 60_000]);
});

test('work is done a few at once and answered in order', async () => {
  let running = 0;
  let most = 0;
  const results = await each([5, 1, 4, 2, 3], 2, async (item) => {
    most = Math.max(most, ++running);
    await new Promise((resolve) => setTimeout(resolve, item));
    running -= 1;
    return item * 10;
  });
  expect([results, most]).toEqual([[50, 10, 40, 20, 30], 2]);
});

describe('a table', () => {
  const rows = Array.from({ length: 30 }, (_, at) => ({ name: `lamp${at}`, age: 30 - at }));
  const keys = { name: (row: { name: string }) => row.name, age: (row: { age: number }) => row.age };
  const view = (text: string, sort: string, descending = false) => ({ text, sort, descending });

  test('is filtered by every word', () => {
    expect(arrange(rows, view('LAMP 29', 'name'), (row) => [row.name], keys).map((row) => row.name)).toEqual(['lamp29']);
  });

  test('orders numbers in names as numbers', () => {
    const names = arrange(rows, view('', 'name'), (row) => [row.name], keys).map((row) => row.name);
    expect(names.slice(0, 3)).toEqual(['lamp0', 'lamp1', 'lamp2']);
    expect(arrange(rows, view('', 'age', true), () => [], keys)[0]?.name).toBe('lamp0');
  });

  test('has pages', () => {
    expect([pages(0), pages(PAGE_SIZE), pages(PAGE_SIZE + 1)]).toEqual([1, 1, 2]);
    expect(pageOf(rows, 2).length).toBe(30 - PAGE_SIZE);
  });

  test('of 100,000 rows is arranged', () => {
    const many = Array.from({ length: 100_000 }, (_, at) => ({ name: `lamp${at}`, age: at }));
    expect(arrange(many, view('999', 'age', true), (row) => [row.name], keys)[0]?.name).toBe('lamp99999');
  });
});

describe('a draft of a tunnel', () => {
  test('says what is wrong', () => {
    expect(Object.keys(problems(BLANK))).toEqual(['thing']);
    const manual = { ...BLANK, quick: false, thing: 'lamp1' };
    expect(problems(manual)).toEqual({});
    expect(Object.keys(problems({ ...manual, services: ['SSH', 'SSH'] }))).toEqual(['services']);
    expect(Object.keys(problems({ ...manual, services: [''] }))).toEqual(['services']);
    for (const minutes of ['0', '721', '1.5', 'x', '']) expect(Object.keys(problems({ ...manual, minutes }))).toEqual(['minutes']);
    const tags = [{ key: 'a', value: '' }, { key: 'a', value: 'b' }];
    expect(Object.keys(problems({ ...manual, tags }))).toEqual(['tags']);
  });

  test('becomes a call and the same command', () => {
    const draft = { ...BLANK, thing: 'lamp1', about: "Ana's", minutes: '60', tags: [{ key: 'k', value: 'v' }] };
    expect(inputOf(draft)).toEqual({
      description: "Ana's",
      tags: [{ key: 'k', value: 'v' }],
      destinationConfig: { thingName: 'lamp1', services: ['SSH'] },
      timeoutConfig: { maxLifetimeTimeoutMinutes: 60 },
    });
    expect(commandOf(draft)).toBe(
      String.raw`aws iotsecuretunneling open-tunnel --description 'Ana'\''s' --tags '[{"key":"k","value":"v"}]' ` +
        '--timeout-config maxLifetimeTimeoutMinutes=60 --destination-config thingName=lamp1,services=SSH',
    );
    expect(inputOf({ ...BLANK, quick: false }).destinationConfig).toBeUndefined();
  });

  test('can be that of another tunnel', () => {
    const draft = like({ destinationConfig: { thingName: 'a', services: ['SSH', 'VNC'] }, timeoutConfig: { maxLifetimeTimeoutMinutes: 5 } });
    expect(inputOf(draft)).toEqual({
      destinationConfig: { thingName: 'a', services: ['SSH', 'VNC'] },
      timeoutConfig: { maxLifetimeTimeoutMinutes: 5 },
    });
  });
});
