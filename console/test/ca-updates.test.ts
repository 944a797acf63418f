import { describe, expect, it } from 'vitest';

import { START } from '../src/pages/security/ca-config';
import { commandOf, updates, wishOf, type Wish } from '../src/pages/security/ca-updates';

const ROLE = 'arn:aws:iam::123456789012:role/JITPRole';
const PLAIN: Wish = { active: true, auto: true, config: START };
const NAMED: Wish = { ...PLAIN, config: { ...START, kind: 'named', name: 'Lamps' } };
const BODY = '{\n  "a": 1\n}';
const OWN: Wish = { ...PLAIN, config: { kind: 'own', name: '', body: BODY, role: ROLE } };

describe('what changing a CA takes', () => {
  it('reads what is registered', () => {
    const on = { status: 'ACTIVE', autoRegistrationStatus: 'ENABLE' } as const;
    expect(wishOf({ certificateDescription: on })).toEqual(PLAIN);
    expect(wishOf({ certificateDescription: on, registrationConfig: { templateName: 'Lamps' } })).toEqual(NAMED);
    expect(wishOf({ certificateDescription: on, registrationConfig: { templateBody: '{"a":1}', roleArn: ROLE } })).toEqual(OWN);
    expect(wishOf({ certificateDescription: { status: 'INACTIVE', autoRegistrationStatus: 'DISABLE' } })).toEqual({
      active: false,
      auto: false,
      config: START,
    });
  });

  it('sends nothing when nothing is changed', () => {
    for (const wish of [PLAIN, NAMED, OWN]) expect(updates(wish, wish)).toEqual([]);
    expect(updates(OWN, { ...OWN, config: { ...OWN.config, body: '{"a": 1}' } })).toEqual([]);
    expect(updates(NAMED, { ...NAMED, config: { ...NAMED.config, body: 'not used' } })).toEqual([]);
  });

  it('sends what is changed in one call', () => {
    expect(updates(PLAIN, { ...NAMED, active: false, auto: false })).toEqual([
      { newStatus: 'INACTIVE', newAutoRegistrationStatus: 'DISABLE', registrationConfig: { templateName: 'Lamps' } },
    ]);
    expect(updates(NAMED, OWN)).toEqual([{ registrationConfig: { templateBody: BODY, roleArn: ROLE } }]);
  });

  it('switches auto registration on again after the config is taken away', () => {
    expect(updates(NAMED, PLAIN)).toEqual([{ removeAutoRegistration: true }, { newAutoRegistrationStatus: 'ENABLE' }]);
    expect(updates(NAMED, { ...PLAIN, auto: false, active: false })).toEqual([{ newStatus: 'INACTIVE', removeAutoRegistration: true }]);
  });

  it('says so on a command line', () => {
    expect(commandOf('abc', { newStatus: 'INACTIVE', removeAutoRegistration: true })).toBe(
      'aws iot update-ca-certificate --certificate-id abc --new-status INACTIVE --remove-auto-registration',
    );
  });
});
