/** Hub workers as processes, measured together: wall time, their CPU time and the database's. */
import { spawn } from 'node:child_process';
import { chmodSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { sampleSigner } from '../protocols/uplink/sample-keys.ts';
import { verificationKey } from '../protocols/uplink/signature.ts';
import type { HubJob, HubJobResult } from './hub-job.ts';
import type { BenchContext } from './section.ts';

const WORKER = join(import.meta.dirname, 'hub-worker.ts');
/** proc(5): times in stat are in clock ticks, 100 a second on Linux. */
const TICK_US = 10_000;
const CHECKS = 3000;

export interface Measured {
  readonly perSecond: number;
  /** Of a message in all workers. */
  readonly cpuUs: number;
  /** Of a message in the database server. */
  readonly databaseCpuUs: number | undefined;
}

export interface BenchWorker {
  readonly job: HubJob;
  /** Bound to this one. */
  readonly core?: number;
}

/** All begin together. `serverPid`: of the database, bound to the cores of the workers. */
export async function measureWorkers(
  context: BenchContext,
  workers: readonly BenchWorker[],
  serverPid?: number,
): Promise<Measured> {
  const cores = workers.flatMap(({ core }) => (core === undefined ? [] : [String(core)]));
  if (serverPid !== undefined && cores.length > 0) await bind(serverPid, cores);
  const running = workers.map(startWorker);
  for (const worker of running) await worker.ready;
  const databaseBefore = serverPid === undefined ? 0 : treeCpuUs(serverPid);
  const results = await Promise.all(running.map((worker) => worker.go()));
  const sum = (of: (result: HubJobResult) => number): number =>
    results.reduce((total, result) => total + of(result), 0);
  const messages = sum((result) => result.messages);
  const seconds = Math.max(...results.map((result) => result.seconds));
  const database = serverPid === undefined ? undefined : treeCpuUs(serverPid) - databaseBefore;
  context.say(
    `${workers.length} worker(s): ${messages} messages, ${sum((each) => each.receipts)} receipts ` +
      `in ${seconds.toFixed(2)} s`,
  );
  return {
    perSecond: messages / seconds,
    cpuUs: sum((result) => result.cpuUs) / messages,
    databaseCpuUs: database === undefined ? undefined : database / messages,
  };
}

/** What no hub can save: OpenSSL's check of one signature, on this machine in this minute. */
export function signatureCheckUs(): number {
  const signer = sampleSigner('bench');
  const bytes = new Uint8Array(512);
  const signature = signer.sign(bytes);
  const key = verificationKey('Ed25519', signer.publicKey);
  const before = process.cpuUsage();
  for (let check = 0; check < CHECKS; check++) key?.verify(bytes, signature);
  const { user, system } = process.cpuUsage(before);
  return (user + system) / CHECKS;
}

/** The database's user has to come in. */
export function makeEnterable(folder: string): void {
  chmodSync(folder, 0o755);
}

function startWorker({ job, core }: BenchWorker) {
  const words = [process.execPath, WORKER, JSON.stringify(job)];
  const [program, ...rest] = core === undefined ? words : ['taskset', '-c', `${core}`, ...words];
  const child = spawn(program, rest, { stdio: ['pipe', 'pipe', 'inherit'] });
  const lines: string[] = [];
  let wake = (): void => {};
  let unfinished = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    const parts = (unfinished + text).split('\n');
    unfinished = parts.pop() ?? '';
    lines.push(...parts);
    wake();
  });
  const exited = new Promise<never>((_, reject) => {
    child.once('exit', (code) => reject(new Error(`a worker ended with ${code}`)));
  });
  exited.catch(() => {});
  const line = async (): Promise<string> => {
    for (;;) {
      const first = lines.shift();
      if (first !== undefined) return first;
      const more = new Promise<void>((resolve) => {
        wake = resolve;
      });
      await Promise.race([more, exited]);
    }
  };
  return {
    ready: line(),
    go: async (): Promise<HubJobResult> => {
      child.stdin.write('go\n');
      const result: HubJobResult = JSON.parse(await line());
      child.stdin.end();
      return result;
    },
  };
}

async function bind(pid: number, cores: readonly string[]): Promise<void> {
  for (const each of treeOf(pid)) {
    const child = spawn('taskset', ['-a', '-p', '-c', cores.join(','), String(each)], {
      stdio: 'ignore',
    });
    await new Promise((resolve) => child.once('close', resolve));
  }
}

/** CPU of a process and its children, those that have ended included. */
function treeCpuUs(pid: number): number {
  let ticks = 0;
  for (const each of treeOf(pid)) {
    const fields = statOf(each);
    // utime, stime; and of the root what its ended children had: cutime, cstime.
    const columns = each === pid ? [11, 12, 13, 14] : [11, 12];
    for (const column of columns) ticks += Number(fields?.[column] ?? 0);
  }
  return ticks * TICK_US;
}

function treeOf(pid: number): number[] {
  const children = readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((each) => Number(statOf(each)?.[1]) === pid);
  return [pid, ...children];
}

/** Fields of /proc/PID/stat behind the name; undefined when the process is gone. */
function statOf(pid: number): readonly string[] | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return text.slice(text.lastIndexOf(')') + 2).split(' ');
  } catch {
    return undefined;
  }
}
