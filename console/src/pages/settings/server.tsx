/** What a client needs to know of this server. */
import { DescribeEndpointCommand } from '@aws-sdk/client-iot';
import Box from '@cloudscape-design/components/box';
import Button from '@cloudscape-design/components/button';
import Container from '@cloudscape-design/components/container';
import Header from '@cloudscape-design/components/header';
import KeyValuePairs from '@cloudscape-design/components/key-value-pairs';
import SpaceBetween from '@cloudscape-design/components/space-between';

import { clients } from '../../api/clients';
import { useLive } from '../../api/live';
import { about } from '../../api/server';
import { useSession } from '../../api/session';
import { moment } from '../../api/time';
import { m } from '../../messages';
import { Command, Trouble } from '../../parts/feedback';
import { HealthBox } from './health';

const TYPES: [string, string][] = [
  ['iot:Data-ATS', m.settings.mqtt],
  ['iot:CredentialProvider', m.settings.provider],
  ['iot:Jobs', m.settings.jobs],
];

async function endpoints() {
  const { iot } = clients();
  const ask = async ([endpointType, label]: [string, string]) => {
    const { endpointAddress } = await iot.send(new DescribeEndpointCommand({ endpointType }));
    return { label, address: endpointAddress ?? '' };
  };
  const answers = await Promise.allSettled(TYPES.map(ask));
  const found = answers.flatMap((answer) => (answer.status === 'fulfilled' ? [answer.value] : []));
  const [failed] = answers.filter((answer) => answer.status === 'rejected');
  if (found.length === 0 && failed) throw failed.reason;
  return found;
}

export function Server() {
  const session = useSession();
  const server = useLive('about', about, false);
  const found = useLive('endpoints', endpoints, false);
  if (!session) return null;
  const host = location.host;
  const environment = [
    `export AWS_ENDPOINT_URL=${location.origin}`,
    `export AWS_REGION=${session.region}`,
    ...(server.data?.ownCa ? ['export AWS_CA_BUNDLE=ca.pem'] : []),
  ].join('\n');
  return (
    <SpaceBetween size="l">
      <HealthBox />
      <Container header={<Header variant="h2">{m.settings.server}</Header>}>
        <KeyValuePairs
          columns={3}
          items={[
            { label: m.settings.version, value: `adit ${server.data?.version ?? '–'}` },
            { label: m.settings.region, value: session.region },
            { label: m.settings.account, value: session.account },
            { label: m.settings.caller, value: <span className="token">{session.arn}</span> },
            {
              label: m.settings.until,
              value: session.expiresAt ? moment(new Date(session.expiresAt)) : m.settings.endless,
            },
            { label: m.settings.url, value: host },
          ]}
        />
      </Container>
      <Container header={<Header variant="h2">{m.settings.endpoints}</Header>}>
        {found.error ? (
          <Trouble error={found.error} retry={found.refresh} />
        ) : (
          <KeyValuePairs
            columns={3}
            items={(found.data ?? []).map(({ label, address }) => ({
              label,
              value: <span className="token">{address}</span>,
            }))}
          />
        )}
      </Container>
      <Container
        header={
          <Header
            variant="h2"
            description={m.settings.caText}
            actions={
              server.data?.ownCa && (
                <Button iconName="download" href="/console/ca.pem" download="ca.pem">
                  {m.settings.caDownload}
                </Button>
              )
            }
          >
            {m.settings.ca}
          </Header>
        }
      >
        <SpaceBetween size="s">
          {server.data && !server.data.ownCa && <Box>{m.settings.noCa}</Box>}
          <div>
            <Box variant="awsui-key-label">{m.settings.environment}</Box>
            <Command text={environment} label={m.settings.environment} />
          </div>
        </SpaceBetween>
      </Container>
    </SpaceBetween>
  );
}
