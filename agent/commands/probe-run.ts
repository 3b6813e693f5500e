/** Starts the sender of a plan as a process of its own, and gathers what it says. */
import { spawn } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { partWords } from '../platform/program-files.ts';
import type { ProbeLine, ProbePlan } from '../probe/probe-plan.ts';

const SENDERS = {
  modbus: new URL('../probe/modbus-sender.ts', import.meta.url),
  opcua: new URL('../probe/opcua-sender.ts', import.meta.url),
} as const;

/** Beyond the time of its questions: starting, silence of a line, an OPC UA library that loads. */
const SPARE_MS = 30_000;
const FACTS_MAX = 64;
const VALUE_CHARACTERS_MAX = 512;
const LINE_CHARACTERS_MAX = 256 * 1024;

export interface ProbeResult {
  readonly target: string;
  readonly source: 'probe';
  readonly sent: string[];
  readonly facts: Record<string, string>;
  readonly unanswered: { readonly question: string; readonly problem: string }[];
  failed?: { readonly code: string; readonly problem: string };
}

/** Never rejects: whatever goes wrong is part of the result. `spareMs`: beyond its questions. */
export function runSender(
  plan: ProbePlan,
  onSend: (hex: string) => void,
  spareMs = SPARE_MS,
): Promise<ProbeResult> {
  const target = plan.protocol === 'modbus' ? `${plan.host}:${plan.port}` : plan.endpointUrl;
  const result: ProbeResult = { target, source: 'probe', sent: [], facts: {}, unanswered: [] };
  if (plan.protocol === 'opcua') mkdirSync(plan.storeFolder, { recursive: true, mode: 0o700 });
  const [program, ...words] = partWords(SENDERS[plan.protocol]);
  const questions = plan.protocol === 'modbus' ? plan.questions.length : 6;
  const limitMs = plan.timeoutMs * questions + spareMs;
  // The library of OPC UA keeps a store in the home folder unless it has none there.
  const home = plan.protocol === 'opcua' ? plan.storeFolder : '/';
  const child = startSender(program, words, { PATH: process.env.PATH, HOME: home });
  if (child === undefined) {
    result.failed = { code: 'PROBE_NOT_STARTED', problem: `${program} could not be started.` };
    return Promise.resolve(result);
  }
  return new Promise((resolve) => {
    const limit = setTimeout(() => {
      result.failed ??= { code: 'PROBE_TIMED_OUT', problem: `No end within ${limitMs} ms.` };
      child.kill('SIGKILL');
    }, limitMs);
    let rest = '';
    let isDone = false;
    child.stdout.setEncoding('utf8').on('data', (piece: string) => {
      const lines = (rest + piece).split('\n');
      rest = (lines.pop() ?? '').slice(0, LINE_CHARACTERS_MAX);
      for (const line of lines) isDone = take(line, result, onSend) || isDone;
    });
    child.on('error', () => {
      result.failed ??= { code: 'PROBE_NOT_STARTED', problem: `${program} could not be started.` };
    });
    child.on('close', () => {
      clearTimeout(limit);
      if (!isDone)
        result.failed ??= { code: 'PROBE_ENDED_EARLY', problem: 'The sender ended early.' };
      resolve(result);
    });
    child.stdin.on('error', () => {});
    child.stdin.end(JSON.stringify(plan));
  });
}

/** Undefined where it fails at once; most reasons come later, as an event. */
function startSender(program: string, words: readonly string[], env: NodeJS.ProcessEnv) {
  try {
    return spawn(program, words, { stdio: ['pipe', 'pipe', 'ignore'], env });
  } catch {
    return undefined;
  }
}

/** True for the last line. */
function take(line: string, result: ProbeResult, onSend: (hex: string) => void): boolean {
  const said = lineOf(line);
  switch (said?.kind) {
    case 'send':
      result.sent.push(said.hex);
      onSend(said.hex);
      return false;
    case 'fact':
      if (Object.keys(result.facts).length < FACTS_MAX) {
        result.facts[said.name] = said.value.slice(0, VALUE_CHARACTERS_MAX);
      }
      return false;
    case 'unanswered':
      result.unanswered.push({ question: said.question, problem: said.problem });
      return false;
    case 'failed':
      result.failed ??= { code: said.code, problem: said.problem };
      return true;
    case 'done':
      return true;
    case undefined:
      return false;
    default:
      return said satisfies never;
  }
}

/** A library may print lines of its own; they are none of ours. */
function lineOf(text: string): ProbeLine | undefined {
  if (!text.startsWith('{"kind":')) return undefined;
  try {
    // Only our own sender writes here (sender-lines.ts).
    return JSON.parse(text) as ProbeLine;
  } catch {
    return undefined;
  }
}
