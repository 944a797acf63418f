/** What dev-tunnels-ssh expects on `globalThis`; imported before it. */
import { Buffer } from 'buffer';

const scope = globalThis as unknown as Record<string, unknown>;
scope.Buffer ??= Buffer;
scope.process ??= { env: {}, nextTick: (work: () => void) => queueMicrotask(work) };
