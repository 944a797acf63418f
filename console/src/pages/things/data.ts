/** Things as the pages need them. */
import { ListThingsCommand, type ThingAttribute } from '@aws-sdk/client-iot';
import { GetThingShadowCommand, ListNamedShadowsForThingCommand } from '@aws-sdk/client-iot-data-plane';

import { clients } from '../../api/clients';
import { isMissing } from '../../api/errors';
import { each } from '../../api/live';

export type { ThingAttribute };

/** Every thing; 250 a call. */
export async function listThings(): Promise<ThingAttribute[]> {
  const found: ThingAttribute[] = [];
  let nextToken: string | undefined;
  do {
    const page = await clients().iot.send(new ListThingsCommand({ maxResults: 250, nextToken }));
    found.push(...(page.things ?? []));
    nextToken = page.nextToken;
  } while (nextToken);
  return found;
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
