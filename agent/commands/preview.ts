/**
 * `fieldtap preview`: exactly the bytes that leave the site next, and what they say. Signed
 * messages come out of the outbox as they are; the next summary is told as it would be now.
 */
import { existsSync } from 'node:fs';
import { inflateRawSync } from 'node:zlib';
import { ReadOnlyBuffer } from '../../buffer/read-only-buffer.ts';
import { decodeAgentMessage } from '../../protocols/uplink/codec.ts';
import { INFLATED_BYTES_MAX } from '../../protocols/uplink/cose.ts';
import { readEnvelope } from '../../protocols/uplink/envelope.ts';
import type { AgentMessage } from '../../protocols/uplink/messages.ts';
import { streamTopic } from '../../protocols/uplink/topics.ts';
import { loadConfig } from '../config.ts';
import { escapeJson } from '../platform/wire-text.ts';
import { outgoingOrder } from '../uplink/outgoing-order.ts';
import { PREVIEW_PATH } from '../uplink-actions.ts';
import { controlAction, isForbidden } from './control-client.ts';
import { socketOf } from './site-socket.ts';

export interface PreviewOptions {
  readonly config: string;
  readonly socket?: string;
  readonly count: number;
  readonly hex: boolean;
  readonly json: boolean;
}

/** One that waits for the hub's receipt. */
export interface PreviewedMessage {
  readonly topic: string;
  readonly bytes: number;
  readonly messageHex: string;
  readonly message: unknown;
}

/** What leaves next, in its order. */
export interface Preview {
  readonly messages: readonly PreviewedMessage[];
  /** What the next summary would say now; absent without a running agent, or a first report. */
  readonly next?: unknown;
}

export async function preview(options: PreviewOptions): Promise<number> {
  const found = await findPreview(options);
  if (options.json) process.stdout.write(`${escapeJson(JSON.stringify(found))}\n`);
  else process.stdout.write(previewText(found, options.hex));
  return 0;
}

/** From the running agent, or out of the buffer where none runs. */
export async function findPreview(
  options: Pick<PreviewOptions, 'config' | 'socket' | 'count'>,
): Promise<Preview> {
  return (await ofAgent(options)) ?? ofBuffer(options);
}

/** As a person reads it: each message with its topic, its length and all of its fields. */
export function previewText({ messages, next }: Preview, hex: boolean): string {
  const parts = messages.map(({ topic, bytes, messageHex, message }, index) => {
    const head = `${index + 1}. ${bytes} bytes on ${topic}`;
    return [head, ...(hex ? [messageHex] : []), shown(message)].join('\n');
  });
  const title = 'the next summary, if it were signed now (not signed yet):';
  const summary = next === undefined ? [] : [`${title}\n${shown(next)}`];
  const none = 'nothing waits to leave: all that was signed has the receipt of the hub';
  return `${[...(parts.length > 0 ? parts : [none]), ...summary].join('\n\n')}\n`;
}

async function ofAgent(
  options: Pick<PreviewOptions, 'config' | 'socket' | 'count'>,
): Promise<Preview | undefined> {
  const socketPath = socketOf(options);
  if (!existsSync(socketPath) && !isForbidden(socketPath)) return undefined;
  const body = new TextEncoder().encode(JSON.stringify({ messagesMax: options.count }));
  const answer = await controlAction(socketPath, PREVIEW_PATH, body);
  if (answer === undefined) return undefined;
  // Both ends are the same program; the action of this path answers this.
  const { messages, next } = answer as {
    readonly messages: readonly { readonly messageHex: string }[];
    readonly next?: unknown;
  };
  return {
    messages: messages.map(({ messageHex }) => previewed(Buffer.from(messageHex, 'hex'))),
    ...(next !== undefined && { next }),
  };
}

function ofBuffer(options: Pick<PreviewOptions, 'config' | 'count'>): Preview {
  const buffer = new ReadOnlyBuffer(loadConfig(options.config).buffer.path);
  try {
    const messages = outgoingOrder(buffer.outgoing(), options.count);
    return { messages: messages.map(({ message }) => previewed(message)) };
  } finally {
    buffer.close();
  }
}

function previewed(bytes: Uint8Array): PreviewedMessage {
  const message = decoded(bytes);
  return {
    topic: message === undefined ? '(unreadable)' : streamTopic(message.agentId, message.stream),
    bytes: bytes.byteLength,
    messageHex: Buffer.from(bytes).toString('hex'),
    message: message === undefined ? 'these bytes are not what this version signs' : plain(message),
  };
}

/** Our own bytes out of our own database: the hub verifies them, we only read them. */
function decoded(bytes: Uint8Array): AgentMessage | undefined {
  const envelope = readEnvelope(bytes);
  if (envelope === undefined) return undefined;
  try {
    const payload = inflateRawSync(envelope.payload, { maxOutputLength: INFLATED_BYTES_MAX });
    const result = decodeAgentMessage(payload);
    return result.kind === 'message' ? result.message : undefined;
  } catch {
    return undefined;
  }
}

/** Byte strings as hex. */
function plain(message: AgentMessage): unknown {
  return JSON.parse(
    JSON.stringify(message, (_, value: unknown) =>
      value instanceof Uint8Array ? Buffer.from(value).toString('hex') : value,
    ),
  );
}

function shown(value: unknown): string {
  return escapeLines(JSON.stringify(value, undefined, 2));
}

function escapeLines(text: string): string {
  return text.split('\n').map(escapeJson).join('\n');
}
