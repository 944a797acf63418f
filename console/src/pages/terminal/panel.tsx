/** The command-line interface of a tunnel: sign in to the device, then terminals and files. */
import '@xterm/xterm/css/xterm.css';
import './panel.css';

import Alert from '@cloudscape-design/components/alert';
import Box from '@cloudscape-design/components/box';
import Button from '@cloudscape-design/components/button';
import Container from '@cloudscape-design/components/container';
import Header from '@cloudscape-design/components/header';
import Modal from '@cloudscape-design/components/modal';
import SpaceBetween from '@cloudscape-design/components/space-between';
import StatusIndicator from '@cloudscape-design/components/status-indicator';
import { useEffect, useLayoutEffect, useRef, useState, type ReactNode } from 'react';

import { m } from '../../messages';
import type { Credentials } from '../../ssh/client';
import { heldTokens, type Tunnel } from '../tunnels/data';
import { useConnection, type HostQuestion, type State } from './connection';
import { LoginForm, type Method } from './login';
import { Terminals } from './terminals';

interface Props {
  tunnel: Tunnel;
  /** What the page has to say to whoever works in the terminal. */
  notice: ReactNode;
  /** Told when somebody begins to work in it, and when he stops. */
  working: (working: boolean) => void;
}

export default function TerminalPanel({ tunnel, notice, working }: Props) {
  const { state, question, connect, disconnect } = useConnection(tunnel);
  const [ended, setEnded] = useState<string>();
  const [before, setBefore] = useState<{ user: string; method: Method }>();
  const [full, setFull] = useState(false);
  // While it is being connected again the terminals stay, with what is on them.
  const begun = useRef(false);
  if (state.kind === 'connected') begun.current = true;
  if (state.kind === 'idle') begun.current = false;
  const works = begun.current;
  useEffect(() => {
    working(works);
    if (!works) setFull(false);
  }, [works, working]);
  const place = useRef<HTMLDivElement>(null);
  // The notice, or tools in two lines, leave the terminal less room.
  useLayoutEffect(() => {
    const shell = full && place.current?.querySelector('.shell:not([hidden])');
    if (!shell || !place.current) return;
    const above = shell.getBoundingClientRect().top - place.current.getBoundingClientRect().top + place.current.scrollTop;
    place.current.style.setProperty('--above', `${above}px`);
  });
  const start = (credentials: Credentials) => {
    setEnded(undefined);
    setBefore({ user: credentials.user, method: 'key' in credentials ? 'key' : 'password' });
    void connect(credentials);
  };
  const panel = (
    <Container
      header={
        <Header
          variant="h2"
          description={m.ssh.intro}
          actions={
            state.kind !== 'idle' && (
              <SpaceBetween direction="horizontal" size="xs">
                {works && (
                  <Button iconName={full ? 'shrink' : 'expand'} onClick={() => setFull(!full)}>
                    {full ? m.ssh.normalSize : m.ssh.fullSize}
                  </Button>
                )}
                <Button onClick={disconnect}>{m.ssh.disconnect}</Button>
              </SpaceBetween>
            )
          }
        >
          {m.ssh.title}
        </Header>
      }
    >
      <SpaceBetween size="m">
        {works && notice}
        <Progress state={state} ended={ended} />
        {state.kind === 'idle' && (
          <LoginForm
            tunnel={tunnel}
            needsToken={!heldTokens(tunnel.tunnelId ?? '')?.source}
            before={before}
            start={start}
          />
        )}
        {works && (
          <Terminals
            ssh={state.kind === 'connected' ? state.ssh : undefined}
            ended={(status) => {
              setEnded(status === undefined ? m.ssh.ended : m.ssh.endedExit(status));
              disconnect();
            }}
          />
        )}
      </SpaceBetween>
      {question && <HostKeyDialog question={question} />}
    </Container>
  );
  return (
    <div ref={place} className={full ? 'terminal-full' : undefined}>
      {panel}
    </div>
  );
}

function Progress({ state, ended }: { state: State; ended: string | undefined }) {
  if (state.kind === 'idle') {
    if (state.error) return <Alert type="error">{state.error}</Alert>;
    return ended ? <Alert type="info">{ended}</Alert> : null;
  }
  if (state.kind === 'working') return <StatusIndicator type="in-progress">{state.text}</StatusIndicator>;
  if (state.kind === 'again') {
    return (
      <StatusIndicator type="warning">
        {m.ssh.lost} {m.ssh.again(state.seconds)}
      </StatusIndicator>
    );
  }
  return <StatusIndicator type="success">{m.ssh.connected(state.where)}</StatusIndicator>;
}

function HostKeyDialog({ question }: { question: HostQuestion }) {
  const { known, fingerprint, place, answer } = question;
  return (
    <Modal
      visible
      onDismiss={() => answer(false)}
      header={known ? m.ssh.hostKeyChanged : m.ssh.hostKeyTitle}
      footer={
        <Box float="right">
          <SpaceBetween direction="horizontal" size="xs">
            <Button variant={known ? 'primary' : 'link'} onClick={() => answer(false)}>
              {m.app.cancel}
            </Button>
            <Button variant={known ? 'normal' : 'primary'} onClick={() => answer(true)}>
              {known ? m.ssh.hostKeyReplace : m.ssh.hostKeyAccept}
            </Button>
          </SpaceBetween>
        </Box>
      }
    >
      <SpaceBetween size="s">
        {known ? (
          <Alert type="error">{m.ssh.hostKeyChangedText(place)}</Alert>
        ) : (
          <Box variant="p">{m.ssh.hostKeyText(place)}</Box>
        )}
        {known && (
          <div className="token">
            <Box variant="awsui-key-label">{m.ssh.hostKeyOld}</Box>
            <Box variant="code">{known}</Box>
          </div>
        )}
        <div className="token">
          {known && <Box variant="awsui-key-label">{m.ssh.hostKeyNew}</Box>}
          <Box variant="code">{fingerprint}</Box>
        </div>
      </SpaceBetween>
    </Modal>
  );
}
