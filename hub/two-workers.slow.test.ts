/**
 * Scale-out as it is meant: two worker processes on one shared subscription of mosquitto, one
 * PostgreSQL. Each takes a part, one is killed in the middle, and every message is there once.
 */
import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after } from 'node:test';
import { connectAsync } from 'mqtt';
import { type BenchProcess, eventually, startHub } from '../hil-tests/bench-process.ts';
import { assertStopped } from '../hil-tests/machine-load.ts';
import { testNeeding } from '../hil-tests/needs.ts';
import { startBroker } from '../hil-tests/plain-broker.ts';
import { freePort } from '../hil-tests/tls-broker.ts';
import { sealAgentMessage } from '../protocols/uplink/open.ts';
import { sampleSigner } from '../protocols/uplink/sample-keys.ts';
import { sampleChain } from '../protocols/uplink/sample-messages.ts';
import { streamTopic } from '../protocols/uplink/topics.ts';
import { writeAgentFile } from './agent-registry.ts';
import type { HubStatus } from './hub-status.ts';
import { openReader } from './reader.ts';
import { startPostgres } from './testing/temporary-postgres.ts';

const AGENTS = 8;
const MESSAGES = 150;

const folder = mkdtempSync(join(tmpdir(), 'hub-workers-'));
chmodSync(folder, 0o755);
const started: BenchProcess[] = [];
let stopPostgres: (() => Promise<void>) | undefined;
after(async () => {
  await Promise.all(started.map((each) => each.stop()));
  await stopPostgres?.();
  rmSync(folder, { recursive: true, force: true });
});

testNeeding(
  [
    { kind: 'package', program: 'mosquitto' },
    { kind: 'package', program: 'postgres' },
  ],
  'two workers share a subscription; one is killed; each message is stored once',
  async () => {
    const postgres = await startPostgres(folder);
    stopPostgres = postgres.stop;
    const port = await freePort();
    started.push(await startBroker(folder, port));
    mkdirSync(join(folder, 'agents'));
    const sites = Array.from({ length: AGENTS }, (_, index) => {
      const agent = sampleSigner(`worker site ${index}`);
      const publicKeyHex = Buffer.from(agent.publicKey).toString('hex');
      const { signerId: agentId } = agent;
      const facts = { agentId, keyNumber: 1, algorithm: 'Ed25519', publicKeyHex } as const;
      writeAgentFile(join(folder, 'agents'), { ...facts, revoked: false, furtherKeys: [] });
      const chain = sampleChain(agentId, MESSAGES, (message) => sealAgentMessage(agent, message));
      return { agentId, topic: streamTopic(agentId, 2), chain };
    });
    const workers = [1, 2].map((number) => startWorker(number, port, postgres.url));
    for (const worker of workers) await up(worker);

    const client = await connectAsync(`mqtt://127.0.0.1:${port}`, { protocolVersion: 5 });
    const send = async (from: number, to: number): Promise<void> => {
      const sent = sites.flatMap(({ topic, chain }) =>
        chain
          .slice(from, to)
          .map(({ bytes }) => client.publishAsync(topic, Buffer.from(bytes), { qos: 1 })),
      );
      await Promise.all(sent);
    };
    await send(0, 100);
    workers[0].signal('SIGKILL');
    await workers[0].ended();
    await send(100, MESSAGES);
    const replacement = startWorker(3, port, postgres.url);
    await up(replacement);

    // What the killed worker had acknowledged and not committed comes again, as an agent sends it.
    const reader = await openReader({ path: '', url: postgres.url });
    const isWhole = async (): Promise<HubStatus | undefined> => {
      const status = await reader.status();
      const whole = status.streams.filter(({ stored }) => stored === MESSAGES);
      return whole.length === AGENTS ? status : undefined;
    };
    const status = await eventually(async () => {
      const whole = await isWhole();
      if (whole === undefined) await send(0, MESSAGES);
      return whole;
    }, 'every message');
    await reader.close();
    assert.ok(status.streams.every(({ doubled }) => doubled === 0));
    assert.ok(status.streams.every(({ missing }) => missing.length === 0));
    await client.endAsync();

    // Both that still run were given a part of the work.
    const counts: number[] = [];
    for (const worker of [workers[1], replacement]) {
      worker.signal('SIGTERM');
      const ended = await worker.ended();
      assertStopped(ended);
      const told = /"received":(\d+)[^\n]*"HUB_STOPPED"/.exec(ended.stderr);
      // One that had to end by force has no last word.
      if (told !== null) counts.push(Number(told[1]));
    }
    assert.ok(
      counts.every((count) => count > 0),
      `received: ${counts.join(', ')}`,
    );
  },
);

function startWorker(number: number, port: number, url: string): BenchProcess {
  const config = join(folder, `hub-${number}.yaml`);
  writeFileSync(
    config,
    `broker: { url: "mqtt://127.0.0.1:${port}" }
database: { url: ${JSON.stringify(url)} }
keys: keys
agents: agents
verifyThreads: ${number % 2}
`,
  );
  const worker = startHub(['run', '--config', config]);
  started.push(worker);
  return worker;
}

function up(worker: BenchProcess): Promise<boolean> {
  return worker.until(({ stderr }) => /HUB_LINK_UP/.test(stderr) || undefined, 'its link');
}
