/**
 * Threads that verify and decode while the main one stores. A thread that dies is started again and
 * its messages are opened here: hostile bytes must never cost a message of somebody else.
 */
import { setImmediate as turn } from 'node:timers/promises';
import type { Worker } from 'node:worker_threads';
import type { Log } from '../agent/platform/log.ts';
import { startWorker } from '../agent/platform/program-files.ts';
import type { AgentRegistry } from './agent-registry.ts';
import { type Delivered, type OpenedEntry, openDelivered } from './open-message.ts';
import { type OpeningAnswer, packJob, unpackAnswer } from './opening-wire.ts';

/** Opened in one go where no thread does it: a few milliseconds, then the database may answer. */
const SLICE_MESSAGES = 16;

interface Job {
  readonly messages: readonly Delivered[];
  readonly resolve: (entries: readonly OpenedEntry[]) => void;
}

interface Thread {
  readonly worker: Worker;
  readonly jobs: Map<number, Job>;
}

export class OpeningPool {
  readonly #registry: AgentRegistry;
  readonly #agentsFolder: string;
  readonly #log: Log;
  readonly #threads: Thread[];
  #jobNumber = 0;
  #isClosed = false;

  /** `threadsCount` 0: everything is opened in the calling thread. */
  constructor(registry: AgentRegistry, agentsFolder: string, threadsCount: number, log: Log) {
    this.#registry = registry;
    this.#agentsFolder = agentsFolder;
    this.#log = log;
    this.#threads = Array.from({ length: threadsCount }, () => this.#startThread());
  }

  /** One entry a message, in their order. Never rejects. */
  open(messages: readonly Delivered[]): Promise<readonly OpenedEntry[]> {
    const thread = this.#idlest();
    if (thread === undefined || this.#isClosed) return this.#openHere(messages);
    return new Promise((resolve) => {
      const jobNumber = ++this.#jobNumber;
      thread.jobs.set(jobNumber, { messages, resolve });
      const job = packJob(jobNumber, messages);
      thread.worker.postMessage(job, [job.bytes.buffer]);
    });
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    await Promise.all(this.#threads.map(({ worker }) => worker.terminate()));
  }

  async #openHere(messages: readonly Delivered[]): Promise<readonly OpenedEntry[]> {
    const entries: OpenedEntry[] = [];
    for (const message of messages) {
      if (entries.length % SLICE_MESSAGES === SLICE_MESSAGES - 1) await turn();
      entries.push(openDelivered(message, this.#registry));
    }
    return entries;
  }

  #idlest(): Thread | undefined {
    return this.#threads.reduce<Thread | undefined>(
      (best, thread) => (best === undefined || thread.jobs.size < best.jobs.size ? thread : best),
      undefined,
    );
  }

  #startThread(): Thread {
    const worker = startWorker(new URL('./opening-thread.ts', import.meta.url), {
      workerData: this.#agentsFolder,
    });
    const thread: Thread = { worker, jobs: new Map() };
    worker.on('message', (answer: OpeningAnswer) => {
      const job = thread.jobs.get(answer.jobNumber);
      thread.jobs.delete(answer.jobNumber);
      job?.resolve(unpackAnswer(answer, job.messages));
    });
    worker.on('error', (error) => {
      this.#log.error({ cause: error.message }, 'HUB_VERIFY_THREAD_DIED: it is started again');
    });
    worker.once('exit', () => {
      const at = this.#threads.indexOf(thread);
      if (at >= 0 && !this.#isClosed) this.#threads[at] = this.#startThread();
      for (const { messages, resolve } of thread.jobs.values()) {
        this.#openHere(messages).then(resolve);
      }
    });
    return thread;
  }
}
