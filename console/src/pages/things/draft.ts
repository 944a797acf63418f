/** A thing that is being described or changed, what is wrong with it, and the steps that make it so. */
import {
  AddThingToThingGroupCommand,
  CreateThingCommand,
  CreateThingGroupCommand,
  CreateThingTypeCommand,
  UpdateThingCommand,
} from '@aws-sdk/client-iot';

import { clients } from '../../api/clients';
import { aws } from '../../api/command';
import { m } from '../../messages';

export interface Attribute {
  key: string;
  value: string;
}

export interface Draft {
  name: string;
  /** Empty for none. */
  type: string;
  attributes: Attribute[];
}

/** Names that are there already; a name that is not is made. Without them, names are taken to be there. */
export type Known = readonly string[] | undefined;

/** One call, and the same on a command line. */
export interface Step {
  command: string;
  run: () => Promise<unknown>;
}

/** Most attributes of a thing with a type and without one. spec: control-plane §15 */
const MOST_TYPED = 50;
const MOST_UNTYPED = 3;

export function mostAttributes(type: string): number {
  return type.trim() ? MOST_TYPED : MOST_UNTYPED;
}

export function isName(name: string): boolean {
  return /^[\w:-]{1,128}$/.test(name);
}

export interface Problems {
  name?: string;
  type?: string;
  attributes?: string;
}

export function problems({ name, type, attributes }: Draft): Problems {
  const found: Problems = {};
  if (!isName(name)) found.name = m.things.nameBad;
  if (type.trim() && !isName(type.trim())) found.type = m.things.nameBad;
  const keys = attributes.map(({ key }) => key);
  if (attributes.some(({ key, value }) => !/^[\w.,@/:#-]{1,128}$/.test(key) || !/^[\w.,@/:#=[\]-]{1,800}$/.test(value))) {
    found.attributes = m.things.attributeBad;
  } else if (new Set(keys).size < keys.length) found.attributes = m.things.attributeTwice;
  else if (keys.length > mostAttributes(type)) found.attributes = m.things.attributesMany(mostAttributes(type));
  return found;
}

/** A creation whose end is that it is there, also if somebody was faster. */
async function ensured(work: Promise<unknown>): Promise<void> {
  await work.catch((error: unknown) => {
    if ((error as { name?: string }).name !== 'ResourceAlreadyExistsException') throw error;
  });
}

function typed(type: string, known: Known): Step[] {
  if (!type || !known || known.includes(type)) return [];
  return [
    {
      command: aws('iot', 'create-thing-type', { 'thing-type-name': type }),
      run: () => ensured(clients().iot.send(new CreateThingTypeCommand({ thingTypeName: type }))),
    },
  ];
}

export function creation({ name, type: given, attributes }: Draft, types: Known): Step[] {
  const type = given.trim();
  const pairs = Object.fromEntries(attributes.map(({ key, value }) => [key, value]));
  const payload = attributes.length > 0 ? { attributes: pairs } : undefined;
  const input = { thingName: name, ...(type ? { thingTypeName: type } : {}), ...(payload ? { attributePayload: payload } : {}) };
  return [
    ...typed(type, types),
    {
      command: aws('iot', 'create-thing', { 'thing-name': name || 'NAME', 'thing-type-name': type, 'attribute-payload': payload }),
      run: () => clients().iot.send(new CreateThingCommand(input)),
    },
  ];
}

/** What a thing was when somebody began to change it. */
export interface Before {
  type: string;
  version: number;
}

/** The attributes take the place of all there were; a change somebody else made in between stops it. */
export function change(before: Before, { name, type: given, attributes }: Draft, types: Known): Step[] {
  const type = given.trim();
  const removes = before.type !== '' && type === '';
  const payload = { attributes: Object.fromEntries(attributes.map(({ key, value }) => [key, value])), merge: false };
  const input = {
    thingName: name,
    attributePayload: payload,
    expectedVersion: before.version,
    ...(type && type !== before.type ? { thingTypeName: type } : {}),
    ...(removes ? { removeThingType: true } : {}),
  };
  return [
    ...typed(type === before.type ? '' : type, types),
    {
      command: aws('iot', 'update-thing', {
        'thing-name': name,
        'thing-type-name': input.thingTypeName,
        'remove-thing-type': removes,
        'attribute-payload': payload,
        'expected-version': before.version,
      }),
      run: () => clients().iot.send(new UpdateThingCommand(input)),
    },
  ];
}

export function joining(thingName: string, thingGroupName: string, groups: Known): Step[] {
  const there = !groups || groups.includes(thingGroupName);
  const make: Step = {
    command: aws('iot', 'create-thing-group', { 'thing-group-name': thingGroupName || 'GROUP' }),
    run: () => ensured(clients().iot.send(new CreateThingGroupCommand({ thingGroupName }))),
  };
  return [
    ...(there ? [] : [make]),
    {
      command: aws('iot', 'add-thing-to-thing-group', { 'thing-name': thingName || 'NAME', 'thing-group-name': thingGroupName || 'GROUP' }),
      run: () => clients().iot.send(new AddThingToThingGroupCommand({ thingName, thingGroupName })),
    },
  ];
}

export function commandOf(steps: readonly Step[]): string {
  return steps.map(({ command }) => command).join('\n');
}

/** One step after the other; the first that fails is the last. */
export async function run(steps: readonly Step[]): Promise<void> {
  for (const step of steps) await step.run();
}
