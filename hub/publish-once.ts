/** One message to the broker from a command: connect, publish with QoS 1, leave. */
import { connectAsync } from 'mqtt';
import type { HubConfig } from './config.ts';
import { brokerOptions } from './link.ts';

const CONNECT_MS_MAX = 10_000;

/** Rejects with what the broker or the link says; throws OperatorFault for unreadable files. */
export async function publishOnce(
  broker: HubConfig['broker'],
  topic: string,
  bytes: Uint8Array,
  isRetained: boolean,
): Promise<void> {
  const client = await connectAsync(broker.url, {
    ...brokerOptions(broker),
    protocolVersion: 5,
    reconnectPeriod: 0,
    connectTimeout: CONNECT_MS_MAX,
  });
  await client.publishAsync(topic, Buffer.from(bytes), { qos: 1, retain: isRetained });
  await client.endAsync();
}
