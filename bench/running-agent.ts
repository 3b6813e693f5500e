/**
 * `fieldtap run` as a process of its own, for the sections that look at it while it works: from
 * sources, or the built program that HIL_BINARY names.
 */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { promisify } from 'node:util';
import { fieldtapWords } from '../hil-tests/plant/program.ts';
import { agentIdOf } from '../protocols/uplink/agent-id.ts';
import { forgetProgramPages } from './fresh-pages.ts';
import type { BenchContext } from './section.ts';

const START_MS_MAX = 15_000;
const STOP_MS_MAX = 5_000;
const LOOK_MS = 100;
const ED25519_KEY_BYTES = 32;
const run = promisify(execFile);

/** The part of `status --json` that the bench reads. */
export interface CaptureCounts {
  readonly framesSeen: number;
  readonly framesDropped: number;
}

export class RunningAgent {
  readonly #child: ChildProcess;
  readonly #socket: string;
  #standardError = '';

  private constructor(child: ChildProcess, socket: string) {
    this.#child = child;
    this.#socket = socket;
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.#standardError = (this.#standardError + text).slice(-4000);
    });
  }

  /**
   * Starts it on one interface, with a broker that no one can reach, and waits until it captures.
   * `prefix` is what stands before the command, such as `ip netns exec NAME`.
   */
  static async start(
    context: BenchContext,
    interfaceName: string,
    role: string,
    prefix: readonly string[] = [],
  ): Promise<RunningAgent> {
    const folder = join(context.folder, `agent-${interfaceName}`);
    mkdirSync(join(folder, 'enrolment'), { recursive: true });
    writeFileSync(join(folder, 'enrolment', 'receipt-key.json'), receiptKey());
    const socket = join(folder, 'control.sock');
    const config = join(folder, 'fieldtap.yaml');
    writeFileSync(config, configOf(interfaceName, role, socket));
    const [program, ...options] = [...prefix, ...fieldtapWords('run', '--config', config)];
    forgetProgramPages();
    const child = spawn(program, options, { stdio: ['ignore', 'ignore', 'pipe'] });
    const agent = new RunningAgent(child, socket);
    for (let waitedMs = 0; waitedMs < START_MS_MAX; waitedMs += LOOK_MS) {
      await setTimeout(LOOK_MS);
      if (child.exitCode !== null) break;
      if ((await agent.counts()) !== undefined) return agent;
    }
    await agent.stop();
    throw new Error(`"fieldtap run" did not begin to capture: ${agent.#standardError}`);
  }

  get processId(): number {
    return this.#child.pid ?? 0;
  }

  /** Undefined while the agent doesn't answer or doesn't capture yet. */
  async counts(): Promise<CaptureCounts | undefined> {
    const [program, ...words] = fieldtapWords('status', '--json', '--socket', this.#socket);
    try {
      const { stdout } = await run(program, words);
      return firstInterface(JSON.parse(stdout));
    } catch {
      return undefined;
    }
  }

  async stop(): Promise<void> {
    if (this.#child.exitCode !== null) return;
    const closed = new Promise((resolve) => this.#child.once('close', resolve));
    this.#child.kill('SIGTERM');
    const isClosed = await Promise.race([closed.then(() => true), setTimeout(STOP_MS_MAX, false)]);
    if (!isClosed) this.#child.kill('SIGKILL');
    await closed;
  }
}

function firstInterface(status: unknown): CaptureCounts | undefined {
  if (typeof status !== 'object' || status === null || !('interfaces' in status)) return undefined;
  const first: unknown = Array.isArray(status.interfaces) ? status.interfaces[0] : undefined;
  if (typeof first !== 'object' || first === null) return undefined;
  if (!('framesSeen' in first) || !('framesDropped' in first)) return undefined;
  return { framesSeen: Number(first.framesSeen), framesDropped: Number(first.framesDropped) };
}

/** The key of a hub that doesn't exist: without one the agent refuses to start. */
function receiptKey(): string {
  const { publicKey } = generateKeyPairSync('ed25519');
  const raw = publicKey.export({ format: 'der', type: 'spki' }).subarray(-ED25519_KEY_BYTES);
  const publicKeyHex = raw.toString('hex');
  return JSON.stringify({
    hubId: agentIdOf(raw),
    keyNumber: 1,
    algorithm: 'Ed25519',
    publicKeyHex,
  });
}

function configOf(interfaceName: string, role: string, socket: string): string {
  return [
    'site: { name: bench }',
    `capture: { interfaces: [{ name: ${interfaceName}, role: ${role} }] }`,
    'buffer: { path: agent.db, quotaMiB: 64 }',
    'uplink: { broker: mqtt://127.0.0.1:9, credentials: enrolment }',
    `diagnostics: { socket: ${socket}, logLevel: warn }`,
    '',
  ].join('\n');
}
