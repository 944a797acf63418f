import { expect, test } from 'vitest';

import type { Attempt } from '../src/api/adit';
import { counts, newcomers } from '../src/pages/security/newcomers';
import { EXAMPLES, isRole, parametersOf } from '../src/pages/security/template-data';
import { decoded } from '../src/pages/users/policies-of';
import { compare } from '../src/parts/lines';

const attempt = (certificateId: string, more: Partial<Attempt>): Attempt => ({
  certificateId,
  caCertificateId: 'ca',
  succeeded: false,
  tries: 1,
  lastAt: 1,
  ...more,
});

test('a device is where its certificate and its last try say', () => {
  const certificates = [
    { certificateId: 'in', status: 'ACTIVE' as const },
    { certificateId: 'out', status: 'PENDING_ACTIVATION' as const },
    { certificateId: 'waits', status: 'PENDING_ACTIVATION' as const, creationDate: new Date(5_000) },
    { certificateId: 'revoked', status: 'REVOKED' as const },
  ];
  const attempts = [
    attempt('in', { succeeded: true, thingName: 'lamp', lastAt: 9 }),
    attempt('out', { step: 'policy', reason: 'not found', lastAt: 8, tries: 3 }),
    attempt('revoked', { lastAt: 2 }),
    attempt('gone', { succeeded: true }),
    attempt('unregistered', { step: 'thing', reason: 'bad name', lastAt: 7 }),
  ];
  const all = newcomers(certificates, attempts);
  expect(all.map(({ id, stage, why }) => [id, stage, why])).toEqual([
    ['in', 'active', undefined],
    ['out', 'failed', 'policy: not found'],
    ['unregistered', 'failed', 'thing: bad name'],
    ['waits', 'pending', undefined],
    ['revoked', 'other', undefined],
    ['gone', 'other', undefined],
  ]);
  expect(all[0]).toMatchObject({ thing: 'lamp', last: 9_000 });
  expect(all[1]?.tries).toBe(3);
  expect(counts(all)).toEqual({ seen: 6, active: 1, failed: 2, pending: 1, other: 2 });
});

const shown = (before: string, after: string) =>
  compare(before, after).map(({ kind, text }) => `${{ same: ' ', removed: '-', added: '+' }[kind]}${text}`);

test('lines that differ are told from those that do not', () => {
  expect(shown('a\nb\nc', 'a\nb\nc')).toEqual([' a', ' b', ' c']);
  expect(shown('a\nb\nc', 'a\nx\nc')).toEqual([' a', '-b', '+x', ' c']);
  expect(shown('a\nb', 'a\nb\nc')).toEqual([' a', ' b', '+c']);
  expect(shown('a\na', 'a')).toEqual([' a', '-a']);
  expect(shown('1\n2\n3\n4', '2\n3\nx\n4\n5')).toEqual(['-1', ' 2', ' 3', '+x', ' 4', '+5']);
  expect(shown('', 'a')).toEqual(['-', '+a']);
});

test('a comparison holds all lines of both sides, however many', () => {
  const many = (start: number) => Array.from({ length: 3_000 }, (_, at) => `${start + at}`).join('\n');
  for (const [before, after] of [[many(0), many(10_000)], ['x\ny\nz\nx', 'z\nx\ny\nx\nq'], ['', '']] as const) {
    const lines = compare(before, after);
    const side = (not: string) => lines.filter(({ kind }) => kind !== not).map(({ text }) => text).join('\n');
    expect([side('added'), side('removed')]).toEqual([before, after]);
  }
});

test('a template says its parameters', () => {
  const body = '{"Parameters":{"A":{"Type":"String"},"B":{"Type":"String","Default":"b"},"C":null}}';
  expect(parametersOf(body)).toEqual([{ name: 'A' }, { name: 'B', default: 'b' }, { name: 'C' }]);
  for (const none of ['', '{', '[]', '{}', 'null', '{"Parameters":null}']) expect(parametersOf(none), none).toEqual([]);
  expect(parametersOf(EXAMPLES.JITP).map(({ name }) => name)).toContain('AWS::IoT::Certificate::CommonName');
});

test('a role is told from other texts', () => {
  expect(isRole('arn:aws:iam::123456789012:role/JITPRole')).toBe(true);
  for (const bad of ['', 'JITPRole', 'arn:aws:iam::123456789012:user/x', 'arn:aws:iam::1:role/x', 'arn:aws:iam::123456789012:role/']) {
    expect(isRole(bad), bad).toBe(false);
  }
});

test('a document comes out of its percent-encoding', () => {
  expect(decoded('%7B%22a%22%3A%20%22%25%22%7D')).toBe('{"a": "%"}');
  expect(decoded('{"a": "%"}')).toBe('{"a": "%"}');
  expect(decoded(undefined)).toBe('');
});
