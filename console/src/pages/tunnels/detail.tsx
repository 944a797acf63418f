/** One tunnel: its state, its tokens and its terminal. */
import Box from '@cloudscape-design/components/box';
import Button from '@cloudscape-design/components/button';
import ButtonDropdown from '@cloudscape-design/components/button-dropdown';
import CopyToClipboard from '@cloudscape-design/components/copy-to-clipboard';
import Link from '@cloudscape-design/components/link';
import Spinner from '@cloudscape-design/components/spinner';
import { Suspense, useEffect, useState } from 'react';

import { useLive } from '../../api/live';
import { aws } from '../../api/command';
import { moment } from '../../api/time';
import { m } from '../../messages';
import { DetailPage, Facts } from '../../parts/detail';
import { useNotices } from '../../parts/feedback';
import { Fence, part } from '../../parts/fence';
import { go, href, replace, usePlace } from '../../router';
import { describeTunnel, endOf, heldTokens, isOpen, type Tokens, type Tunnel } from './data';
import { RemoveDialog, RotateDialog, type Removal } from './dialogs';
import { History } from './history';
import { EndNotice, NextDialog } from './next';
import { Side, Status, TimeLeft } from './parts';
import { TokenPanel } from './tokens';

const TerminalPanel = part(() => import('../terminal/panel'));

export default function TunnelDetail({ id }: { id: string }) {
  const { query } = usePlace();
  const { notice } = useNotices();
  const live = useLive(`tunnel ${id}`, () => describeTunnel(id));
  const [tokens, setTokens] = useState<Tokens | undefined>(query.get('show') === 'tokens' ? heldTokens(id) : undefined);
  const [removal, setRemoval] = useState<Removal>();
  const [rotating, setRotating] = useState(false);
  const [asking, setAsking] = useState(false);
  const [next, setNext] = useState<string>();
  const [working, setWorking] = useState(false);
  const [now, setNow] = useState(Date.now());
  const { refresh } = live;
  useEffect(() => {
    // The source is connected now.
    if (working) refresh();
  }, [working, refresh]);
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), 1_000);
    return () => clearInterval(timer);
  }, []);
  return (
    <DetailPage
      live={live}
      title={live.data?.destinationConfig?.thingName ?? live.data?.description ?? id}
      actions={(tunnel) => (
        <>
          <ButtonDropdown
            items={[
              { id: 'close', text: m.tunnels.closeTunnel, disabled: !isOpen(tunnel) },
              { id: 'delete', text: m.tunnels.deleteTunnel },
              { id: 'duplicate', text: m.tunnels.duplicate },
            ]}
            onItemClick={({ detail }) => {
              if (detail.id === 'duplicate') go(href(['tunnels', 'create'], { like: id }));
              else setRemoval({ kind: detail.id === 'close' ? 'close' : 'delete', tunnels: [tunnel] });
            }}
          >
            {m.app.actions}
          </ButtonDropdown>
          <Button disabled={!isOpen(tunnel)} onClick={() => setRotating(true)}>
            {m.tunnels.rotate}
          </Button>
        </>
      )}
      dialogs={(tunnel) => (
        <>
          {asking && (
            <NextDialog
              tunnel={tunnel}
              dismiss={() => setAsking(false)}
              done={(opened) => {
                setAsking(false);
                setNext(opened);
              }}
            />
          )}
          {rotating && (
            <RotateDialog
              tunnel={tunnel}
              dismiss={() => setRotating(false)}
              done={(made, side) => {
                setRotating(false);
                setTokens(made);
                live.refresh();
                if (side !== 'SOURCE' && tunnel.destinationConfig?.thingName) notice('success', m.tokens.sent);
              }}
            />
          )}
          {removal && (
            <RemoveDialog
              removal={removal}
              dismiss={() => setRemoval(undefined)}
              done={() => {
                setRemoval(undefined);
                if (removal.kind === 'delete') go('#/tunnels');
                else live.refresh();
              }}
            />
          )}
        </>
      )}
    >
      {(tunnel) => {
        // Where the reader is: in the terminal, or above it.
        const end = <EndNotice tunnel={tunnel} now={now} next={next} ask={() => setAsking(true)} working={working} />;
        return (
          <>
            {!working && end}
            {tokens && (
              <TokenPanel
                tunnel={tunnel}
                tokens={tokens}
                done={() => {
                  setTokens(undefined);
                  replace(href(['tunnels', id]));
                }}
              />
            )}
            <TunnelFacts tunnel={tunnel} now={now} />
            <Fence>
              <Suspense fallback={<Spinner />}>
                <TerminalPanel tunnel={tunnel} notice={end} working={setWorking} />
              </Suspense>
            </Fence>
            <History arn={tunnel.tunnelArn ?? ''} />
          </>
        );
      }}
    </DetailPage>
  );
}

function TunnelFacts({ tunnel, now }: { tunnel: Tunnel; now: number }) {
  const { thingName, services } = tunnel.destinationConfig ?? {};
  const end = endOf(tunnel);
  const side = (state: Tunnel['sourceConnectionState']) => (
    <>
      <Side status={state?.status} />
      {state?.lastUpdatedAt && <Box color="text-body-secondary">{m.tunnels.since(moment(state.lastUpdatedAt))}</Box>}
    </>
  );
  return (
    <Facts
      title={m.tunnels.details}
      command={aws('iotsecuretunneling', 'describe-tunnel', { 'tunnel-id': tunnel.tunnelId })}
      columns={4}
      items={[
        {
          label: m.tunnels.id,
          value: (
            <CopyToClipboard
              variant="inline"
              textToCopy={tunnel.tunnelId ?? ''}
              copyButtonAriaLabel={`${m.app.copy}: ${m.tunnels.id}`}
              copySuccessText={m.app.copied}
              copyErrorText={m.app.copyFailed}
            />
          ),
        },
        { label: m.tunnels.status, value: <Status status={tunnel.status} /> },
        { label: m.tunnels.source, value: side(tunnel.sourceConnectionState) },
        { label: m.tunnels.destination, value: side(tunnel.destinationConnectionState) },
        {
          label: m.tunnels.thing,
          value: thingName ? <Link href={href(['things', thingName])}>{thingName}</Link> : '–',
        },
        { label: m.tunnels.services, value: services?.join(', ') || '–' },
        { label: m.tunnels.left, value: <TimeLeft tunnel={tunnel} now={now} /> },
        { label: m.tunnels.ends, value: end ? moment(new Date(end)) : '–' },
        { label: m.tunnels.created, value: moment(tunnel.createdAt) },
        { label: m.tunnels.about, value: tunnel.description || '–' },
        {
          label: m.tunnels.tags,
          value: tunnel.tags?.map((tag) => `${tag.key}=${tag.value}`).join(', ') || '–',
        },
      ]}
    />
  );
}
