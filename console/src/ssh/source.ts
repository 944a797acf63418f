/**
 * The source side of one stream, without a socket: what to send, and what came, by service. Pure, like
 * `adit_tunnel::Endpoint`. spec: secure-tunneling §4.5
 */
import { frame, MAX_PAYLOAD, message, Type, type Message } from './frame';

export type Event = { kind: 'services'; services: string[] } | { kind: 'data'; data: Uint8Array } | { kind: 'reset' };

export class Source {
  /** The services of the tunnel, once the server said so; an empty list is a tunnel without names. */
  services: string[] | undefined;
  private service = '';
  private stream = 0;
  private active = false;

  /** Begins a stream for a service; the answer goes to the tunnel. */
  start(service: string): Uint8Array<ArrayBuffer> {
    this.service = service;
    this.stream += 1;
    this.active = true;
    return frame(message(Type.StreamStart, { streamId: this.stream, ...this.shape() }));
  }

  /** Cuts data into frames. */
  data(bytes: Uint8Array): Uint8Array<ArrayBuffer>[] {
    if (!this.active) return [];
    const frames: Uint8Array<ArrayBuffer>[] = [];
    for (let at = 0; at < bytes.length; at += MAX_PAYLOAD) {
      const payload = bytes.subarray(at, at + MAX_PAYLOAD);
      frames.push(frame(message(Type.Data, { streamId: this.stream, payload, ...this.shape() })));
    }
    return frames;
  }

  /** Ends the stream, if there is one. */
  end(): Uint8Array<ArrayBuffer>[] {
    if (!this.active) return [];
    this.active = false;
    return [frame(message(Type.StreamReset, { streamId: this.stream, ...this.shape(false) }))];
  }

  /** What a message of the tunnel means. */
  take(from: Message): Event | undefined {
    if (from.type === Type.ServiceIds) {
      this.services = from.availableServiceIds;
      return { kind: 'services', services: from.availableServiceIds };
    }
    const ours = this.active && from.streamId === this.stream && from.serviceId === this.service;
    if (!ours) return undefined;
    if (from.type === Type.Data) {
      return from.payload.length > 0 ? { kind: 'data', data: from.payload } : undefined;
    }
    if (from.type === Type.StreamReset || from.type === Type.ConnectionReset) {
      this.active = false;
      return { kind: 'reset' };
    }
    return undefined;
  }

  /** With a service a message names it and its connection; without it names neither. */
  private shape(connection = true): Partial<Message> {
    if (!this.service) return {};
    return { serviceId: this.service, ...(connection ? { connectionId: 1 } : {}) };
  }
}
