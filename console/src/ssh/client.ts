/** An SSH session through a tunnel: sign in, terminals, file transfer. */
import './globals';

import {
  BigInt as SshBigInt,
  ChannelRequestMessage,
  SshAlgorithms,
  SshAuthenticationType,
  SshChannelError,
  SshClientSession,
  SshSessionConfiguration,
  type KeyPair,
  type RsaParameters,
  type SshChannel,
  type SshDataWriter,
} from '@microsoft/dev-tunnels-ssh';
import { Buffer } from 'buffer';

import { m } from '../messages';
import { Ed25519, Ed25519KeyPair, supported } from './ed25519';
import { fingerprintOf } from './host-keys';
import type { PrivateKey } from './private-key';
import { TunnelError, TunnelStream } from './tunnel';

export type Credentials = { user: string; password: string } | { user: string; key: PrivateKey };

/** The device did not take who we are. */
export class LoginRefused extends Error {}
/** The reader did not take what the device is. */
export class HostRefused extends Error {}

async function configuration(): Promise<SshSessionConfiguration> {
  const config = new SshSessionConfiguration();
  // Ed25519 before all, as OpenSSH has it; the curve P-521 is off in the library.
  config.publicKeyAlgorithms.push(SshAlgorithms.publicKey.ecdsaSha2Nistp521 ?? null);
  if (await supported()) config.publicKeyAlgorithms.unshift(new Ed25519());
  // Its extension would send a request before a channel is open, which OpenSSH does not know.
  config.protocolExtensions.splice(0, config.protocolExtensions.length, 'server-sig-algs');
  return config;
}

/** The key as the library has it. */
async function pairOf(key: PrivateKey): Promise<KeyPair> {
  if (key.kind === 'ed25519') return Ed25519KeyPair.of(key.publicKey, key.seed);
  const number = (bytes: Uint8Array) => SshBigInt.fromBytes(Buffer.from(bytes), { unsigned: true });
  if (key.kind === 'ec') {
    const algorithms = {
      nistp256: SshAlgorithms.publicKey.ecdsaSha2Nistp256,
      nistp384: SshAlgorithms.publicKey.ecdsaSha2Nistp384,
      nistp521: SshAlgorithms.publicKey.ecdsaSha2Nistp521,
    };
    const pair = algorithms[key.curve]?.createKeyPair();
    const parameters = { curve: { name: key.curve }, x: number(key.x), y: number(key.y), d: number(key.d) };
    await pair?.importParameters(parameters);
    if (pair) return pair;
  } else {
    const pair = SshAlgorithms.publicKey.rsaWithSha512?.createKeyPair();
    const { n, e, d, p, q, dp, dq, qi } = key;
    const parameters: RsaParameters = {
      modulus: number(n),
      exponent: number(e),
      d: number(d),
      p: number(p),
      q: number(q),
      dp: number(dp),
      dq: number(dq),
      qi: number(qi),
    };
    await pair?.importParameters(parameters);
    if (pair) return pair;
  }
  throw new Error('the key has no algorithm');
}

export interface Steps {
  greeting: () => void;
  loggingIn: () => void;
}

/** A session that is signed in. */
export class Ssh {
  private readonly session: SshClientSession;
  private readonly stream: TunnelStream;
  /** Called once, when the session is over. */
  onOver: (error: TunnelError) => void = () => undefined;

  private constructor(session: SshClientSession, stream: TunnelStream) {
    this.session = session;
    this.stream = stream;
    stream.onOver = (error) => this.onOver(error);
  }

  /**
   * Signs in over the WebSocket of a tunnel. `trusts` is asked about the host key, as a fingerprint, before any secret is
   * sent; throws {@link LoginRefused}, {@link HostRefused} or {@link TunnelError}.
   */
  static async open(
    socket: WebSocket,
    service: string,
    credentials: Credentials,
    trusts: (fingerprint: string) => Promise<boolean>,
    steps: Steps,
  ): Promise<Ssh> {
    const stream = await TunnelStream.start(socket, service);
    let gone: TunnelError | undefined;
    stream.onOver = (error) => (gone = error);
    const session = new SshClientSession(await configuration());
    let refused = false;
    session.onAuthenticating((event) => {
      if (event.authenticationType !== SshAuthenticationType.serverPublicKey) return;
      event.authenticationPromise = (async () => {
        const blob = await event.publicKey?.getPublicKeyBytes();
        const trusted = blob ? await trusts(await fingerprintOf(blob)) : false;
        refused = !trusted;
        return trusted ? {} : null;
      })();
    });
    try {
      steps.greeting();
      await session.connect(stream);
      if (!(await session.authenticateServer())) throw new HostRefused();
      steps.loggingIn();
      if (!(await session.authenticateClient(await credentialsOf(credentials)))) throw new LoginRefused();
      return new Ssh(session, stream);
    } catch (error) {
      session.dispose();
      stream.dispose();
      if (refused) throw new HostRefused();
      if (error instanceof LoginRefused || error instanceof HostRefused) throw error;
      throw gone ?? error;
    }
  }

  /** Opens a terminal. */
  async shell(columns: number, rows: number): Promise<Shell> {
    const channel = await this.session.openChannel('session');
    if (!(await channel.request(pty(columns, rows)))) throw new SshChannelError(m.ssh.faults.noTerminal);
    // Debian's sshd takes it, and a shell without a locale of its own would not know letters of several bytes.
    await channel.request(environment('LC_CTYPE', 'C.UTF-8'));
    const shell = new Shell(channel);
    await channel.request(new ChannelRequestMessage('shell', true));
    return shell;
  }

  /** Opens the file transfer; `undefined` if the device has none. */
  async subsystem(name: string): Promise<SshChannel | undefined> {
    const channel = await this.session.openChannel('session');
    if (await channel.request(subsystem(name))) return channel;
    await channel.close();
    return undefined;
  }

  close(): void {
    this.session.dispose();
    this.stream.dispose();
  }
}

async function credentialsOf(credentials: Credentials) {
  const username = credentials.user;
  if ('password' in credentials) return { username, password: credentials.password };
  return { username, publicKeys: [await pairOf(credentials.key)] };
}

/** One terminal of a session. */
export class Shell {
  private readonly channel: SshChannel;
  private readonly early: Uint8Array[] = [];
  private listener: ((data: Uint8Array) => void) | undefined;
  /** Called once, with the exit status if the device said one. */
  onExit: (status: number | undefined) => void = () => undefined;

  constructor(channel: SshChannel) {
    this.channel = channel;
    const take = (data: Buffer) => {
      // The library uses the buffer again.
      const copy = Uint8Array.from(data);
      if (this.listener) this.listener(copy);
      else this.early.push(copy);
      channel.adjustWindow(data.length);
    };
    channel.onDataReceived(take);
    channel.onExtendedDataReceived((event) => take(event.data));
    channel.onClosed((event) => this.onExit(event.exitStatus));
  }

  set onData(listener: (data: Uint8Array) => void) {
    this.listener = listener;
    this.early.splice(0).forEach(listener);
  }

  write(data: string | Uint8Array): void {
    const bytes = typeof data === 'string' ? Buffer.from(data, 'utf8') : Buffer.from(data);
    this.channel.send(bytes).catch(() => undefined);
  }

  resize(columns: number, rows: number): void {
    this.channel.request(windowChange(columns, rows)).catch(() => undefined);
  }

  close(): void {
    this.channel.close().catch(() => undefined);
  }
}

/** A request of a channel, with the fields that it has behind the common ones. */
class Request extends ChannelRequestMessage {
  private readonly fields: (writer: SshDataWriter) => void;

  constructor(name: string, isAnswered: boolean, fields: (writer: SshDataWriter) => void) {
    super(name, isAnswered);
    this.fields = fields;
  }

  protected override onWrite(writer: SshDataWriter): void {
    super.onWrite(writer);
    this.fields(writer);
  }
}

function numbers(writer: SshDataWriter, ...all: number[]): void {
  for (const number of all) writer.writeUInt32(number);
}

/** spec: RFC 4254 §6.2 */
const pty = (columns: number, rows: number) =>
  new Request('pty-req', true, (writer) => {
    writer.writeString('xterm-256color', 'ascii');
    numbers(writer, columns, rows, 0, 0);
    // Modes: IUTF8 on, then their end. spec: RFC 8160
    writer.writeBinary(Buffer.from([42, 0, 0, 0, 1, 0]));
  });

/** A device may ignore it. spec: RFC 4254 §6.4 */
const environment = (name: string, value: string) =>
  new Request('env', false, (writer) => {
    writer.writeString(name, 'ascii');
    writer.writeString(value, 'ascii');
  });

/** spec: RFC 4254 §6.5 */
const subsystem = (name: string) => new Request('subsystem', true, (writer) => writer.writeString(name, 'ascii'));

/** spec: RFC 4254 §6.7 */
const windowChange = (columns: number, rows: number) =>
  new Request('window-change', false, (writer) => numbers(writer, columns, rows, 0, 0));
