/** For tests and measurements: a mosquitto without TLS on the loopback, with long queues. */
import { writeFileSync } from 'node:fs';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { BenchProcess, eventually } from './bench-process.ts';

/** `port`: free. Ends with whoever keeps it. */
export async function startBroker(folder: string, port: number): Promise<BenchProcess> {
  const path = join(folder, 'mosquitto.conf');
  const lines = [
    `listener ${port} 127.0.0.1`,
    'allow_anonymous true',
    'persistence false',
    'max_inflight_messages 1000',
    'max_queued_messages 1000000',
    `user ${userInfo().username}`,
  ];
  writeFileSync(path, `${lines.join('\n')}\n`);
  const broker = new BenchProcess(['mosquitto', '-c', path], {
    env: { PATH: `${process.env.PATH}:/usr/sbin` },
  });
  await eventually(() => /running/.test(broker.stderr) || undefined, 'mosquitto to run');
  return broker;
}
