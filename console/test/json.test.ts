import { describe, expect, it } from 'vitest';

import { broken } from '../src/parts/json';

const GOOD = [
  '{}',
  ' [ ] ',
  '"a\\u00e9\\n"',
  '-0.5e+10',
  '[1,true,false,null,"x",{"a":{"b":[[]]}}]',
  '{"Version":"2012-10-17",\n "Statement": []}\n',
];

const BAD: [text: string, line: number, column: number, expected: string][] = [
  ['', 1, 1, 'value'],
  ['{', 1, 2, 'nameOrEnd'],
  ['{"a":1,}', 1, 8, 'name'],
  ['[1,]', 1, 4, 'value'],
  ['{\n  "a": 1\n  "b": 2\n}', 3, 3, 'more'],
  ['{"a" 1}', 1, 6, 'colon'],
  ["{'a': 1}", 1, 2, 'nameOrEnd'],
  ['{"a": x}', 1, 7, 'value'],
  ['{"a": 01}', 1, 7, 'value'],
  ['{"a": 1.}', 1, 7, 'value'],
  ['["a', 1, 2, 'valueOrEnd'],
  ['["a\nb"]', 1, 2, 'valueOrEnd'],
  ['["\\x"]', 1, 2, 'valueOrEnd'],
  ['{"a": [1}', 1, 9, 'more'],
  ['{1: 2}', 1, 2, 'nameOrEnd'],
  ['{} {}', 1, 4, 'end'],
  ['truely', 1, 1, 'value'],
];

describe('where a text stops being JSON', () => {
  it('finds nothing in what is JSON', () => {
    for (const text of GOOD) expect(broken(text), text).toBeUndefined();
  });

  it('says the line, the column and what could stand there', () => {
    for (const [text, line, column, expected] of BAD) expect(broken(text), text).toEqual({ line, column, expected });
  });

  it('agrees with the browser on every beginning of a document and on every one with a character left out', () => {
    const document = JSON.stringify({ Version: '2012-10-17', Statement: [{ Effect: 'Allow', Count: -1.5e3, Not: [null, true] }] }, null, 1);
    const texts = [...document].flatMap((_, at) => [document.slice(0, at), document.slice(0, at) + document.slice(at + 1)]);
    for (const text of texts) {
      let good = true;
      try {
        JSON.parse(text);
      } catch {
        good = false;
      }
      expect(broken(text) === undefined, text).toBe(good);
    }
  });
});
