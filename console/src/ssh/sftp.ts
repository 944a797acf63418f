/** File transfer over a channel: SFTP version 3, as OpenSSH speaks it. spec: draft-ietf-secsh-filexfer-02 */
import type { Ssh } from './client';
import type { SshChannel } from '@microsoft/dev-tunnels-ssh';
import { Buffer } from 'buffer';

import { m } from '../messages';

export interface Entry {
  name: string;
  folder: boolean;
  size: number;
  /** Milliseconds since 1970. */
  modified: number;
}

/** A refusal of the device's, with its own words. */
export class SftpError extends Error {
  readonly code: number;

  constructor(code: number, text: string) {
    super(text);
    this.code = code;
  }
}

const VERSION = 3;
/** Bytes of one read or write. */
const CHUNK = 32 * 1024;
/** Reads and writes under way at once: the way there and back costs time. */
const AT_ONCE = 16;
/** Bytes of the longest packet; OpenSSH's own bound. */
const LONGEST = 256 * 1024;
const END_OF_FILE = 1;
const NO_SUCH_FILE = 2;

const Op = { Open: 3, Close: 4, Read: 5, Write: 6, Opendir: 11, Readdir: 12, Realpath: 16, Stat: 17 } as const;
const Reply = { Status: 101, Handle: 102, Data: 103, Name: 104, Attrs: 105 } as const;
const FOLDER = 0o040000;
const KIND = 0o170000;

/** Builds a packet. */
class Writer {
  private readonly parts: Buffer[] = [];

  byte(value: number): this {
    this.parts.push(Buffer.from([value]));
    return this;
  }

  number(value: number): this {
    const part = Buffer.alloc(4);
    part.writeUInt32BE(value);
    this.parts.push(part);
    return this;
  }

  long(value: number): this {
    return this.number(Math.floor(value / 2 ** 32)).number(value % 2 ** 32);
  }

  string(value: string | Uint8Array): this {
    const part = Buffer.from(value as string);
    this.number(part.length);
    this.parts.push(part);
    return this;
  }

  packet(): Buffer {
    const body = Buffer.concat(this.parts);
    const head = Buffer.alloc(4);
    head.writeUInt32BE(body.length);
    return Buffer.concat([head, body]);
  }
}

/** Reads a packet's content. */
class Reader {
  private at = 0;
  private readonly bytes: Buffer;

  constructor(bytes: Buffer) {
    this.bytes = bytes;
  }

  number(): number {
    this.at += 4;
    return this.bytes.readUInt32BE(this.at - 4);
  }

  long(): number {
    return this.number() * 2 ** 32 + this.number();
  }

  string(): Buffer {
    const length = this.number();
    if (length > this.bytes.length - this.at) throw new SftpError(5, m.ssh.faults.packet);
    this.at += length;
    return this.bytes.subarray(this.at - length, this.at);
  }

  /** spec: §5 */
  attributes(): { size: number; mode: number; modified: number } {
    const flags = this.number();
    const found = { size: 0, mode: 0, modified: 0 };
    if (flags & 1) found.size = this.long();
    if (flags & 2) [this.number(), this.number()];
    if (flags & 4) found.mode = this.number();
    if (flags & 8) {
      this.number();
      found.modified = this.number() * 1000;
    }
    if (flags & 0x8000_0000) for (let left = this.number(); left > 0; left--) [this.string(), this.string()];
    return found;
  }
}

type Answer = { type: number; reader: Reader };

export class Sftp {
  private readonly channel: SshChannel;
  private held = Buffer.alloc(0);
  private next = 1;
  private readonly waiting = new Map<number, { resolve: (answer: Answer) => void; reject: (error: Error) => void }>();

  private constructor(channel: SshChannel) {
    this.channel = channel;
    channel.onDataReceived((data) => {
      this.take(Buffer.from(data));
      channel.adjustWindow(data.length);
    });
    channel.onClosed(() => this.end(new SftpError(7, m.ssh.faults.transferClosed)));
  }

  /** `undefined` when the device has no SFTP. */
  static async open(ssh: Ssh): Promise<Sftp | undefined> {
    const channel = await ssh.subsystem('sftp');
    if (!channel) return undefined;
    const sftp = new Sftp(channel);
    // The hello has no number; 0 stands for its answer.
    const hello = sftp.answer(0);
    await channel.send(new Writer().byte(1).number(VERSION).packet());
    await hello;
    return sftp;
  }

  close(): void {
    this.channel.close().catch(() => undefined);
  }

  async realpath(path: string): Promise<string> {
    const { reader } = await this.ask(Op.Realpath, (to) => to.string(path), Reply.Name);
    reader.number();
    return reader.string().toString('utf8');
  }

  /** What is in a folder: folders first, then by name. */
  async list(path: string): Promise<Entry[]> {
    const handle = await this.handle(Op.Opendir, (to) => to.string(path));
    const entries: Entry[] = [];
    try {
      for (;;) {
        const { reader } = await this.ask(Op.Readdir, (to) => to.string(handle), Reply.Name);
        for (let left = reader.number(); left > 0; left--) {
          const name = reader.string().toString('utf8');
          reader.string();
          const { size, mode, modified } = reader.attributes();
          if (name !== '.' && name !== '..') entries.push({ name, folder: (mode & KIND) === FOLDER, size, modified });
        }
      }
    } catch (error) {
      if (!(error instanceof SftpError && error.code === END_OF_FILE)) throw error;
    } finally {
      await this.release(handle);
    }
    return entries.sort((a, b) => Number(b.folder) - Number(a.folder) || a.name.localeCompare(b.name));
  }

  async exists(path: string): Promise<boolean> {
    try {
      await this.ask(Op.Stat, (to) => to.string(path), Reply.Attrs);
      return true;
    } catch (error) {
      if (error instanceof SftpError && error.code === NO_SUCH_FILE) return false;
      throw error;
    }
  }

  async read(path: string, size: number, progress: (done: number) => void): Promise<Blob> {
    const handle = await this.handle(Op.Open, (to) => to.string(path).number(1).number(0));
    const parts: Uint8Array[] = [];
    let done = 0;
    try {
      await this.chunks(size, async (at, length, place) => {
        // A device may give less than was asked for.
        const pieces: Uint8Array<ArrayBuffer>[] = [];
        for (let from = at; from < at + length; ) {
          const want = at + length - from;
          const { reader } = await this.ask(Op.Read, (to) => to.string(handle).long(from).number(want), Reply.Data);
          const piece = Uint8Array.from(reader.string());
          if (piece.length === 0) throw new SftpError(5, m.ssh.faults.shorter);
          pieces.push(piece);
          from += piece.length;
          progress((done += piece.length));
        }
        parts[place] = new Uint8Array(await new Blob(pieces).arrayBuffer());
      });
    } finally {
      await this.release(handle);
    }
    return new Blob(parts as BlobPart[]);
  }

  async write(path: string, file: Blob, progress: (done: number) => void): Promise<void> {
    // Write, create, truncate.
    const handle = await this.handle(Op.Open, (to) => to.string(path).number(2 | 8 | 16).number(0));
    let done = 0;
    try {
      await this.chunks(file.size, async (at, length) => {
        const data = new Uint8Array(await file.slice(at, at + length).arrayBuffer());
        await this.ask(Op.Write, (to) => to.string(handle).long(at).string(data), Reply.Status);
        progress((done += length));
      });
    } finally {
      await this.release(handle);
    }
  }

  /** Works through `size` bytes in pieces, some at once. */
  private async chunks(size: number, work: (at: number, length: number, place: number) => Promise<void>): Promise<void> {
    let next = 0;
    const worker = async () => {
      for (let place = next++; place * CHUNK < size; place = next++) {
        const at = place * CHUNK;
        await work(at, Math.min(CHUNK, size - at), place);
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, worker));
  }

  private async handle(op: number, fill: (to: Writer) => Writer): Promise<Uint8Array> {
    const { reader } = await this.ask(op, fill, Reply.Handle);
    return Uint8Array.from(reader.string());
  }

  private async release(handle: Uint8Array): Promise<void> {
    await this.ask(Op.Close, (to) => to.string(handle), Reply.Status);
  }

  private async ask(op: number, fill: (to: Writer) => Writer, expected: number): Promise<Answer> {
    const id = this.next++;
    const answered = this.answer(id);
    await this.channel.send(fill(new Writer().byte(op).number(id)).packet());
    const answer = await answered;
    if (answer.type === Reply.Status) {
      const code = answer.reader.number();
      if (code !== 0 || expected !== Reply.Status) throw new SftpError(code, answer.reader.string().toString('utf8'));
    } else if (answer.type !== expected) {
      throw new SftpError(5, m.ssh.faults.packet);
    }
    return answer;
  }

  private answer(id: number): Promise<Answer> {
    return new Promise((resolve, reject) => this.waiting.set(id, { resolve, reject }));
  }

  private take(data: Buffer): void {
    this.held = Buffer.concat([this.held, data]);
    while (this.held.length >= 4) {
      const length = this.held.readUInt32BE(0);
      if (length < 1 || length > LONGEST) return this.end(new SftpError(5, m.ssh.faults.packet));
      if (this.held.length < 4 + length) return;
      const packet = this.held.subarray(4, 4 + length);
      this.held = this.held.subarray(4 + length);
      const type = packet.readUInt8(0);
      const reader = new Reader(packet.subarray(1));
      // Version 2 is the answer to the hello, and holds no number.
      const id = type === 2 ? 0 : reader.number();
      this.waiting.get(id)?.resolve({ type, reader });
      this.waiting.delete(id);
    }
  }

  private end(error: Error): void {
    this.waiting.forEach(({ reject }) => reject(error));
    this.waiting.clear();
    this.close();
  }
}
