/** The WebSocket of a tunnel's source side, as a stream for SSH. */
import './globals';

import { BaseStream } from '@microsoft/dev-tunnels-ssh';
import { Buffer } from 'buffer';

import { m } from '../messages';
import { FrameReader } from './frame';
import { Source } from './source';

/** How long the server has to let us in, in milliseconds. */
const PATIENCE = 15_000;

export type Reason = 'refused' | 'lost' | 'closed' | 'reset' | 'ended';

/** Why a stream ended. */
export class TunnelError extends Error {
  readonly reason: Reason;

  constructor(reason: Reason, text: string) {
    super(text);
    this.reason = reason;
  }
}

/** What the server says when a tunnel is over. spec: secure-tunneling §4.7 step 4 */
const OVER = 1000;

/**
 * Opens the source side. A browser cannot set headers, so token and client token go as cookies that only `/tunnel` of this
 * server is sent, and that are gone once it answered. Two tabs take turns.
 */
export async function join(token: string, clientToken: string): Promise<WebSocket> {
  return navigator.locks.request('adit-tunnel-cookie', async () => {
    const secure = location.protocol === 'https:' ? '; Secure' : '';
    const cookie = (name: string, value: string, age: number) => {
      document.cookie = `${name}=${value}; Path=/tunnel; SameSite=Strict; Max-Age=${age}${secure}`;
    };
    cookie('awsiot-tunnel-token', token, 30);
    cookie('awsiot-tunnel-client-token', clientToken, 30);
    try {
      const scheme = location.protocol === 'https:' ? 'wss' : 'ws';
      const url = `${scheme}://${location.host}/tunnel?local-proxy-mode=source`;
      return await opened(new WebSocket(url, 'aws.iot.securetunneling-3.0'));
    } finally {
      cookie('awsiot-tunnel-token', '', 0);
      cookie('awsiot-tunnel-client-token', '', 0);
    }
  });
}

function opened(socket: WebSocket): Promise<WebSocket> {
  socket.binaryType = 'arraybuffer';
  return new Promise((resolve, reject) => {
    const late = setTimeout(() => {
      socket.close();
      reject(new TunnelError('lost', m.ssh.faults.timeout));
    }, PATIENCE);
    socket.onopen = () => {
      clearTimeout(late);
      resolve(socket);
    };
    // Browsers tell pages nothing about a refused upgrade.
    socket.onclose = () => {
      clearTimeout(late);
      reject(new TunnelError('refused', m.ssh.faults.refused));
    };
  });
}

/** One connection to a service of the device. */
export class TunnelStream extends BaseStream {
  private readonly source = new Source();
  private readonly frames = new FrameReader();
  private readonly socket: WebSocket;
  private over = false;
  /** Called once, with why the stream ended. */
  onOver: (error: TunnelError) => void = () => undefined;

  private constructor(socket: WebSocket) {
    super();
    this.socket = socket;
  }

  /** Starts a stream for `service`, or the tunnel's first when it has no such; the server names them first. */
  static start(socket: WebSocket, service: string): Promise<TunnelStream> {
    const stream = new TunnelStream(socket);
    return new Promise((resolve, reject) => {
      const late = setTimeout(() => {
        socket.close();
        reject(new TunnelError('lost', m.ssh.faults.noServices));
      }, PATIENCE);
      stream.onOver = (error) => {
        clearTimeout(late);
        reject(error);
      };
      stream.listen((services) => {
        clearTimeout(late);
        const chosen = services.includes(service) ? service : (services[0] ?? '');
        socket.send(stream.source.start(chosen));
        resolve(stream);
      });
    });
  }

  private listen(named: (services: string[]) => void): void {
    this.socket.onmessage = ({ data }: MessageEvent<ArrayBuffer>) => {
      try {
        for (const message of this.frames.push(new Uint8Array(data))) {
          const event = this.source.take(message);
          if (event?.kind === 'services') named(event.services);
          else if (event?.kind === 'data') this.onData(Buffer.from(event.data));
          else if (event?.kind === 'reset') this.finish('reset', m.ssh.faults.reset);
        }
      } catch (error) {
        this.finish('lost', error instanceof Error ? error.message : String(error));
      }
    };
    this.socket.onclose = ({ code, reason }) => {
      if (code === OVER) this.finish('closed', reason || m.ssh.faults.closed);
      else this.finish('lost', reason || m.ssh.faults.lost);
    };
  }

  private finish(reason: Reason, text: string): void {
    if (this.over) return;
    this.over = true;
    const error = new TunnelError(reason, text);
    if (this.socket.readyState === WebSocket.OPEN) {
      this.source.end().forEach((bytes) => this.socket.send(bytes));
      this.socket.close();
    }
    this.onOver(error);
    this.onEnd();
    this.fireOnClose(reason === 'ended' ? undefined : error);
  }

  override async write(data: Buffer): Promise<void> {
    if (this.over) throw new TunnelError('ended', m.ssh.ended);
    for (const bytes of this.source.data(data)) this.socket.send(bytes);
    await this.drained();
  }

  /** Waits while much is unsent, so that an upload does not pile up in memory. */
  private async drained(): Promise<void> {
    while (!this.over && this.socket.bufferedAmount > 256 * 1024) {
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  override async close(): Promise<void> {
    this.finish('ended', m.ssh.ended);
  }

  override dispose(): void {
    this.finish('ended', m.ssh.ended);
    super.dispose();
  }
}
