/** Things as the pages need them. */
import {
  ListThingGroupsCommand,
  ListThingPrincipalsCommand,
  ListThingTypesCommand,
  ListThingsCommand,
  type ThingAttribute,
} from '@aws-sdk/client-iot';
import { GetThingShadowCommand, ListNamedShadowsForThingCommand } from '@aws-sdk/client-iot-data-plane';

import { clients } from '../../api/clients';
import { isMissing } from '../../api/errors';
import { each } from '../../api/live';

export type { ThingAttribute };

interface Page {
  nextToken?: string | undefined;
}

/** All pages of a listing, 250 a call. */
async function all<P extends Page, T>(
  ask: (page: { maxResults: number; nextToken?: string }) => Promise<P>,
  items: (page: P) => T[] | undefined,
): Promise<T[]> {
  const found: T[] = [];
  let nextToken: string | undefined;
  do {
    const page = await ask({ maxResults: 250, ...(nextToken ? { nextToken } : {}) });
    found.push(...(items(page) ?? []));
    nextToken = page.nextToken;
  } while (nextToken);
  return found;
}

export function listThings(): Promise<ThingAttribute[]> {
  return all(
    (page) => clients().iot.send(new ListThingsCommand(page)),
    (page) => page.things,
  );
}

/** Names of the types that things can be given: not of the deprecated ones. */
export function listTypes(): Promise<string[]> {
  return all(
    (page) => clients().iot.send(new ListThingTypesCommand(page)),
    (page) => page.thingTypes?.filter((type) => !type.thingTypeMetadata?.deprecated).map((type) => type.thingTypeName ?? ''),
  );
}

export function listGroups(): Promise<string[]> {
  return all(
    (page) => clients().iot.send(new ListThingGroupsCommand(page)),
    (page) => page.thingGroups?.map((group) => group.groupName ?? ''),
  );
}

/** ARNs of a thing's certificates and other identities. */
export function principalsOf(thingName: string): Promise<string[]> {
  return all(
    (page) => clients().iot.send(new ListThingPrincipalsCommand({ thingName, ...page })),
    (page) => page.principals,
  );
}

export function certificateIdOf(arn: string): string | undefined {
  return arn.split(':cert/')[1];
}

export interface Shadow {
  /** Empty for the classic one. */
  name: string;
  document: string;
}

/** The classic shadow, if there is one, and the named ones. */
export async function shadowsOf(thingName: string): Promise<Shadow[]> {
  const { data } = clients();
  const { results = [] } = await data.send(new ListNamedShadowsForThingCommand({ thingName, pageSize: 25 }));
  const found = await each(['', ...results], 4, async (name): Promise<Shadow | undefined> => {
    try {
      const shadow = await data.send(new GetThingShadowCommand({ thingName, ...(name ? { shadowName: name } : {}) }));
      const text = new TextDecoder().decode(shadow.payload);
      return { name, document: JSON.stringify(JSON.parse(text), null, 2) };
    } catch (error) {
      if (isMissing(error)) return undefined;
      throw error;
    }
  });
  return found.filter((shadow) => shadow !== undefined);
}
