/** The commands that bring in the first device, as they are typed. */
import { aws } from '../../api/command';

/** The port of AWS's own, which the server has unless it is told otherwise. */
const MQTT_PORT = 8883;

/** The port for clients that know nothing of ALPN: one that speaks nothing but MQTT. */
export function mqttPortOf(listeners: readonly { address: string; tls: boolean; serve: string[] }[]): number {
  const ports = listeners
    .filter(({ tls, serve }) => tls && serve.length === 1 && serve[0] === 'mqtt')
    .map(({ address }) => Number(address.split(':').at(-1)));
  return ports.includes(MQTT_PORT) ? MQTT_PORT : (ports[0] ?? MQTT_PORT);
}

/** The name that the commands use. */
const NAME = 'lamp1';

/** As with AWS; the policy is for a first try, in which the device may do everything. */
export function withAws(): string {
  const policy = { Version: '2012-10-17', Statement: [{ Effect: 'Allow', Action: 'iot:*', Resource: '*' }] };
  const create = aws('iot', 'create-keys-and-certificate', {
    'set-as-active': true,
    'certificate-pem-outfile': `${NAME}.pem`,
    'private-key-outfile': `${NAME}.key`,
    query: 'certificateArn',
    output: 'text',
  });
  return [
    aws('iot', 'create-thing', { 'thing-name': NAME }),
    `ARN=$(${create})`,
    `aws iot attach-thing-principal --thing-name ${NAME} --principal "$ARN"`,
    aws('iot', 'create-policy', { 'policy-name': 'first-try', 'policy-document': policy }),
    `aws iot attach-policy --policy-name first-try --target "$ARN"`,
  ].join('\n');
}

/** With adit's own commands; the policy allows what the agent needs, and no more. */
export function withAdit(): string {
  return [
    `adit thing create ${NAME}`,
    'adit agent policy | adit policy create agent -',
    `adit cert create ${NAME} --thing ${NAME} --policy agent`,
  ].join('\n');
}

/** `server` is `host:port` of this page, whose host is that of the device gateway. */
export function agent(server: string, mqttPort: number): string {
  const [host = ''] = server.split(':');
  return [
    "cat > agent.toml <<'END'",
    `endpoint = "${host}:${mqttPort}"`,
    `tunnel-endpoint = "${server}"`,
    `thing-name = "${NAME}"`,
    `certificate-file = "${NAME}.pem"`,
    `private-key-file = "${NAME}.key"`,
    'ca-file = "ca.pem"',
    'state-dir = "agent-state"',
    'END',
    'adit agent --config agent.toml',
  ].join('\n');
}

export function mosquitto(server: string, mqttPort: number): string {
  const [host = ''] = server.split(':');
  return (
    `mosquitto_sub --cafile ca.pem --cert ${NAME}.pem --key ${NAME}.key ` +
    `-h ${host} -p ${mqttPort} -i ${NAME} -t '${NAME}/#' -v`
  );
}
