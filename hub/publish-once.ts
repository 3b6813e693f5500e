/** One message to the broker from a command: connect, publish with QoS 1, leave. */
import { connectAsync } from 'mqtt';
import { OperatorFault } from '../agent/platform/operator-fault.ts';
import type { HubConfig } from './config.ts';
import { brokerOptions } from './link.ts';

const CONNECT_MS_MAX = 10_000;

export interface OneMessage {
  readonly topic: string;
  readonly bytes: Uint8Array;
  readonly isRetained: boolean;
}

/** How a message that the broker didn't take is told. */
export interface NotPublished {
  readonly code: string;
  /** What it was, as in "the advisory". */
  readonly what: string;
  /** What to do once the link is mended and the hub may write. */
  readonly remedy: string;
}

/** Throws OperatorFault for unreadable files, and `told` where the link or the broker refuses. */
export async function publishOnce(
  broker: HubConfig['broker'],
  { topic, bytes, isRetained }: OneMessage,
  told: NotPublished,
): Promise<void> {
  try {
    const client = await connectAsync(broker.url, {
      ...brokerOptions(broker),
      protocolVersion: 5,
      reconnectPeriod: 0,
      connectTimeout: CONNECT_MS_MAX,
    });
    await client.publishAsync(topic, Buffer.from(bytes), { qos: 1, retain: isRetained });
    await client.endAsync();
  } catch (cause) {
    if (cause instanceof OperatorFault) throw cause;
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new OperatorFault({
      code: told.code,
      problem: `The broker "${broker.url}" didn't take ${told.what} (${why}).`,
      remedy: told.remedy,
      cause,
    });
  }
}
