/** The thread beside the storing one: opens messages by the batch (opening-pool.ts starts it). */
import { parentPort, workerData } from 'node:worker_threads';
import { SystemClock } from '../agent/platform/clock.ts';
import { silentLog } from '../agent/platform/log.ts';
import { AgentRegistry } from './agent-registry.ts';
import { type Delivered, type OpenedEntry, openDelivered } from './open-message.ts';

/** What the pool asks and what the thread answers. */
export interface OpeningJob {
  readonly jobNumber: number;
  readonly messages: readonly Delivered[];
}

export interface OpeningAnswer {
  readonly jobNumber: number;
  readonly entries: readonly OpenedEntry[];
}

// The storing thread reads the same files and logs what is wrong with them.
const registry = new AgentRegistry(String(workerData), new SystemClock(), silentLog);

parentPort?.on('message', ({ jobNumber, messages }: OpeningJob) => {
  const entries = messages.map((message) => openDelivered(message, registry));
  parentPort?.postMessage({ jobNumber, entries } satisfies OpeningAnswer);
});
