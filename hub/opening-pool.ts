/**
 * Threads that verify and decode while the main one stores. A thread that dies is started again and
 * its messages are opened here: hostile bytes must never cost a message of somebody else.
 */
import type { Worker } from 'node:worker_threads';
import type { Log } from '../agent/platform/log.ts';
import { startWorker } from '../agent/platform/program-files.ts';
import type { AgentRegistry } from './agent-registry.ts';
import { type Delivered, type OpenedEntry, openDelivered } from './open-message.ts';
import type { OpeningAnswer, OpeningJob } from './opening-thread.ts';

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
    if (thread === undefined || this.#isClosed) return Promise.resolve(this.#openHere(messages));
    return new Promise((resolve) => {
      const jobNumber = ++this.#jobNumber;
      thread.jobs.set(jobNumber, { messages, resolve });
      thread.worker.postMessage({ jobNumber, messages } satisfies OpeningJob);
    });
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    await Promise.all(this.#threads.map(({ worker }) => worker.terminate()));
  }

  #openHere(messages: readonly Delivered[]): readonly OpenedEntry[] {
    return messages.map((message) => openDelivered(message, this.#registry));
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
    worker.on('message', ({ jobNumber, entries }: OpeningAnswer) => {
      const job = thread.jobs.get(jobNumber);
      thread.jobs.delete(jobNumber);
      job?.resolve(entries);
    });
    worker.on('error', (error) => {
      this.#log.error({ cause: error.message }, 'HUB_VERIFY_THREAD_DIED: it is started again');
    });
    worker.once('exit', () => {
      const at = this.#threads.indexOf(thread);
      if (at >= 0 && !this.#isClosed) this.#threads[at] = this.#startThread();
      for (const { messages, resolve } of thread.jobs.values()) resolve(this.#openHere(messages));
    });
    return thread;
  }
}
