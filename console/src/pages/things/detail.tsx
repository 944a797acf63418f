/** One thing. */
import { DeleteThingCommand, DescribeThingCommand, GetThingConnectivityDataCommand } from '@aws-sdk/client-iot';
import Box from '@cloudscape-design/components/box';
import Button from '@cloudscape-design/components/button';
import Tabs from '@cloudscape-design/components/tabs';
import { useState } from 'react';

import { clients } from '../../api/clients';
import { aws } from '../../api/command';
import { textOf } from '../../api/errors';
import { useLive } from '../../api/live';
import { m } from '../../messages';
import { Confirm } from '../../parts/confirm';
import { DetailPage } from '../../parts/detail';
import { Said, useNotices } from '../../parts/feedback';
import { go, href, replace, usePlace } from '../../router';
import { Certificates } from './certificates';
import { EditThingDialog } from './create';
import { ThingFacts } from './facts';
import { Groups } from './groups';
import { Policies } from './policies';
import { connectTo, ReachDialog } from './reach';
import { Shadows } from './shadows';
import { Timeline } from './timeline';
import { Tunnels } from './tunnels';

async function load(thingName: string) {
  const { iot } = clients();
  const [thing, connection] = await Promise.all([
    iot.send(new DescribeThingCommand({ thingName })),
    // Who may look at a thing may not always see its connection: then that part stays empty.
    iot.send(new GetThingConnectivityDataCommand({ thingName, includeSocketInformation: true })).catch(() => undefined),
  ]);
  return { thing, connection };
}

export default function ThingDetail({ name }: { name: string }) {
  const { query } = usePlace();
  const { notice } = useNotices();
  const live = useLive(`thing ${name}`, () => load(name));
  const [asked, setAsked] = useState<'tunnel' | 'edit' | 'delete'>();
  const [connecting, setConnecting] = useState(false);
  const dismiss = () => setAsked(undefined);
  const connect = () => {
    setConnecting(true);
    connectTo(name).catch((error: unknown) => {
      notice('error', <Said>{textOf(error)}</Said>);
      setConnecting(false);
    });
  };
  return (
    <DetailPage
      live={live}
      title={name}
      actions={() => (
        <>
          <Button onClick={() => setAsked('delete')}>{m.app.remove}</Button>
          <Button onClick={() => setAsked('tunnel')}>{m.things.tunnel}</Button>
          <Button variant="primary" loading={connecting} onClick={connect}>
            {m.things.connect}
          </Button>
        </>
      )}
      dialogs={({ thing }) => (
        <>
          {asked === 'tunnel' && <ReachDialog thing={name} dismiss={dismiss} />}
          {asked === 'edit' && (
            <EditThingDialog
              thing={thing}
              dismiss={dismiss}
              done={() => {
                dismiss();
                live.refresh();
              }}
            />
          )}
          {asked === 'delete' && <DeleteDialog name={name} dismiss={dismiss} />}
        </>
      )}
    >
      {({ thing, connection }) => (
        <>
          <ThingFacts thing={thing} connection={connection} edit={() => setAsked('edit')} />
          <Tabs
            ariaLabel={name}
            activeTabId={query.get('tab') ?? 'tunnels'}
            onChange={({ detail }) => replace(href(['things', name], { tab: detail.activeTabId }))}
            tabs={[
              { id: 'tunnels', label: m.things.tunnels, content: <Tunnels name={name} /> },
              { id: 'timeline', label: m.things.timeline, content: <Timeline name={name} /> },
              { id: 'certificates', label: m.things.certificates, content: <Certificates name={name} /> },
              { id: 'policies', label: m.things.effective, content: <Policies name={name} /> },
              { id: 'groups', label: m.things.groups, content: <Groups name={name} /> },
              { id: 'shadows', label: m.things.shadows, content: <Shadows name={name} /> },
            ]}
          />
        </>
      )}
    </DetailPage>
  );
}

function DeleteDialog({ name, dismiss }: { name: string; dismiss: () => void }) {
  const { notice } = useNotices();
  return (
    <Confirm
      title={m.things.deleteTitle(name)}
      button={m.app.remove}
      command={aws('iot', 'delete-thing', { 'thing-name': name })}
      work={() => clients().iot.send(new DeleteThingCommand({ thingName: name }))}
      done={() => {
        notice('success', m.things.deletedNow(name));
        go('#/things');
      }}
      dismiss={dismiss}
    >
      <Box variant="p">{m.things.deleteText}</Box>
    </Confirm>
  );
}
