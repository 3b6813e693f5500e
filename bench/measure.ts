/**
 * Runs a program to its end and tells what it took: CPU time of user and kernel to the millisecond
 * (bash's `time`, which asks getrusage), and its peak of resident memory (VmHWM, which only rises,
 * read every few milliseconds; getrusage's own maximum would include the parent's memory).
 */
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { setTimeout } from 'node:timers/promises';

export interface Measured {
  readonly cpuMs: number;
  readonly peakBytes: number;
  readonly status: number | null;
  readonly standardOutput: string;
  readonly standardError: string;
}

const POLL_MS = 5;
/** The two numbers of `time` come last on bash's own standard error. */
const SCRIPT = 'TIMEFORMAT="%3U %3S"; exec 3>&2; time "$@" 2>&3';
const MARK = /(\d+\.\d+) (\d+\.\d+)\n$/;
const PEAK_LINE = /VmHWM:\s*(\d+) kB/;

/** Runs `program` with `options` as bash would. */
export async function measure(program: string, options: readonly string[]): Promise<Measured> {
  const child = spawn('bash', ['-c', SCRIPT, 'bash', program, ...options], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let standardOutput = '';
  let standardError = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    standardOutput += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    standardError += text;
  });
  const closed = new Promise<number | null>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', resolve);
  });
  const peak = watchPeak(child.pid ?? 0, closed);
  const status = await closed;
  const peakBytes = await peak;
  const [, user, system] = MARK.exec(standardError) ?? [];
  return {
    cpuMs: 1000 * (Number(user) + Number(system)),
    peakBytes,
    status,
    standardOutput,
    standardError: standardError.replace(MARK, ''),
  };
}

/** The middle one; of an even count the lower of the two. */
export function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor((values.length - 1) / 2)];
}

/** Resident memory of one process now, as the kernel counts it. */
export function residentBytes(processId: number): number {
  return statusBytes(processId, /VmRSS:\s*(\d+) kB/);
}

async function watchPeak(shellId: number, closed: Promise<unknown>): Promise<number> {
  let isOver = false;
  let peakBytes = 0;
  const end = () => {
    isOver = true;
  };
  closed.then(end, end);
  while (!isOver) {
    for (const processId of childrenOf(shellId)) {
      peakBytes = Math.max(peakBytes, statusBytes(processId, PEAK_LINE));
    }
    await setTimeout(POLL_MS);
  }
  return peakBytes;
}

function childrenOf(processId: number): number[] {
  try {
    const text = readFileSync(`/proc/${processId}/task/${processId}/children`, 'utf8');
    return text
      .trim()
      .split(' ')
      .filter((word) => word !== '')
      .map(Number);
  } catch {
    return [];
  }
}

/** 0 when the process is gone. */
function statusBytes(processId: number, pattern: RegExp): number {
  try {
    const match = pattern.exec(readFileSync(`/proc/${processId}/status`, 'utf8'));
    return 1024 * Number(match?.[1] ?? 0);
  } catch {
    return 0;
  }
}
