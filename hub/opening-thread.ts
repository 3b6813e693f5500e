/** The thread beside the storing one: opens messages by the batch (opening-pool.ts starts it). */
import { parentPort, workerData } from 'node:worker_threads';
import { SystemClock } from '../agent/platform/clock.ts';
import { silentLog } from '../agent/platform/log.ts';
import { AgentRegistry } from './agent-registry.ts';
import { openDelivered } from './open-message.ts';
import { type OpeningJob, packAnswer, unpackJob } from './opening-wire.ts';

// The storing thread reads the same files and logs what is wrong with them.
const registry = new AgentRegistry(String(workerData), new SystemClock(), silentLog);

parentPort?.on('message', (job: OpeningJob) => {
  const entries = unpackJob(job).map((message) => openDelivered(message, registry));
  const answer = packAnswer(job.jobNumber, entries);
  parentPort?.postMessage(answer, [answer.hashes.buffer]);
});
