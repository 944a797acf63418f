/** Tokens, shown once, and how to use them. */
import Alert from '@cloudscape-design/components/alert';
import Box from '@cloudscape-design/components/box';
import Button from '@cloudscape-design/components/button';
import Container from '@cloudscape-design/components/container';
import CopyToClipboard from '@cloudscape-design/components/copy-to-clipboard';
import Header from '@cloudscape-design/components/header';
import SpaceBetween from '@cloudscape-design/components/space-between';
import { useState } from 'react';

import { quoted } from '../../api/command';
import { endpoint } from '../../api/server';
import { m } from '../../messages';
import { Command, save } from '../../parts/feedback';
import type { Tokens, Tunnel } from './data';

/** Local ports of the usual services, for the commands. */
const USUAL: Record<string, [number, number]> = {
  SSH: [5555, 22],
  HTTP: [8080, 80],
  HTTPS: [8443, 443],
  VNC: [5901, 5900],
  RDP: [3390, 3389],
};

export function TokenPanel({ tunnel, tokens, done }: { tunnel: Tunnel; tokens: Tokens; done: () => void }) {
  const id = tunnel.tunnelId ?? '';
  return (
    <Container
      header={
        <Header variant="h2" actions={<Button onClick={done}>{m.app.done}</Button>}>
          {m.tokens.title}
        </Header>
      }
    >
      <SpaceBetween size="l">
        <Alert type="warning">{m.tokens.once}</Alert>
        {tokens.source && (
          <Token name={m.tokens.source} text={m.tokens.sourceText} file={`${id}-source-token.txt`} token={tokens.source} />
        )}
        {tokens.destination && (
          <Token
            name={m.tokens.destination}
            text={m.tokens.destinationText}
            file={`${id}-destination-token.txt`}
            token={tokens.destination}
          />
        )}
        <HowToUse tunnel={tunnel} tokens={tokens} />
      </SpaceBetween>
    </Container>
  );
}

function Token({ name, text, file, token }: { name: string; text: string; file: string; token: string }) {
  const [shown, setShown] = useState(false);
  return (
    <div>
      <Box variant="awsui-key-label">{name}</Box>
      <Box color="text-body-secondary">{text}</Box>
      <SpaceBetween size="xs">
        <div className="token">
          <Box variant="code">{shown ? token : '•'.repeat(24)}</Box>
        </div>
        <SpaceBetween direction="horizontal" size="xs">
          <Button onClick={() => setShown(!shown)} ariaLabel={`${shown ? m.tokens.hide : m.tokens.show}: ${name}`}>
            {shown ? m.tokens.hide : m.tokens.show}
          </Button>
          <CopyToClipboard
            copyButtonText={m.app.copy}
            copyButtonAriaLabel={m.tokens.copyToken(name)}
            copySuccessText={m.app.copied}
            copyErrorText={m.app.copyFailed}
            textToCopy={token}
          />
          <Button iconName="download" ariaLabel={m.tokens.downloadToken(name)} onClick={() => save(file, token)}>
            {m.app.download}
          </Button>
        </SpaceBetween>
      </SpaceBetween>
    </div>
  );
}

/** Commands that read the tokens from the downloaded files: what is on a command line, everybody on the machine sees. */
export function HowToUse({ tunnel, tokens }: { tunnel: Tunnel; tokens: Tokens }) {
  const id = tunnel.tunnelId ?? '';
  const { thingName, services = [] } = tunnel.destinationConfig ?? {};
  const maps = (at: 0 | 1) =>
    services.length === 0
      ? ['5555', 'localhost:22'][at]
      : services
          .map((name, i) => {
            const [local, remote] = USUAL[name.toUpperCase()] ?? [9000 + i, 0];
            if (at === 0) return `${name}=${local}`;
            return remote ? `${name}=localhost:${remote}` : `${name}=localhost:PORT`;
          })
          .join(',');
  const proxy = (side: 'source' | 'destination') =>
    `AWSIOT_TUNNEL_ACCESS_TOKEN="$(cat ${quoted(`${id}-${side}-token.txt`)})" ` +
    `localproxy -e ${endpoint()} -c ca.pem ${side === 'source' ? '-s' : '-d'} ${maps(side === 'source' ? 0 : 1)}`;
  const hasSsh = services.length === 0 || services.includes('SSH');
  return (
    <SpaceBetween size="xs">
      <Box variant="h3">{m.tokens.commands}</Box>
      {tokens.destination && (
        <div>
          <Box variant="awsui-key-label">{m.tokens.onDevice}</Box>
          <Command text={proxy('destination')} label={m.tokens.onDevice} />
        </div>
      )}
      {tokens.source && (
        <div>
          <Box variant="awsui-key-label">{m.tokens.onLaptop}</Box>
          <Command text={`${proxy('source')}${hasSsh ? '\nssh -p 5555 USER@localhost' : ''}`} label={m.tokens.onLaptop} />
        </div>
      )}
      {thingName && hasSsh && (
        <div>
          <Box variant="awsui-key-label">{m.tokens.orDirect}</Box>
          <Command
            text={`adit ssh USER@${thingName}\nssh -o ProxyCommand='adit nc %h' USER@${thingName}`}
            label={m.tokens.orDirect}
          />
        </div>
      )}
      <Box color="text-body-secondary">{m.tokens.ca}</Box>
    </SpaceBetween>
  );
}
