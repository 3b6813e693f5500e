/** The parts of a support file, each gathered for itself: one that can't be had says why. */
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { arch, release } from 'node:os';
import { promisify } from 'node:util';
import { DEFAULT_SOCKET_PATH, loadConfig } from '../config.ts';
import { agentMetrics } from '../diagnostics/agent-metrics.ts';
import type { AgentStatus } from '../diagnostics/agent-status.ts';
import { rootsOf } from '../diagnostics/check.ts';
import { checksText } from '../diagnostics/doctor-text.ts';
import { SystemClock } from '../platform/clock.ts';
import { metricsText } from '../platform/metrics.ts';
import { OperatorFault } from '../platform/operator-fault.ts';
import { PROGRAM_VERSION } from '../version.ts';
import { agentStatus } from './control-client.ts';
import { diagnose } from './doctor.ts';
import { followLive } from './live-client.ts';

export interface BundlePart {
  readonly name: string;
  /** One line for the person who is about to send it. */
  readonly what: string;
  /** Not yet redacted. */
  readonly text: string;
}

const LISTEN_SECONDS = 3;
const LOG_LINES = 500;
const LOG_MS = 5000;
const RECORD_BYTES_MAX = 4 * 2 ** 20;
const UNIT = 'fieldtap';

export async function bundleParts(configPath: string, seconds: number): Promise<BundlePart[]> {
  const socketPath = socketIn(configPath);
  const status = await agentStatus(socketPath);
  const recording = seconds > 0 ? await recordingParts(socketPath, seconds) : [];
  const checks = await diagnose({ config: configPath, seconds: LISTEN_SECONDS });
  const faults = rootsOf(checks).length;
  return [
    { name: 'versions.json', what: 'program, Node, kernel, distribution', text: versionsText() },
    { name: 'config.yaml', what: 'the configuration', text: fileText(configPath) },
    {
      name: 'doctor.txt',
      what: `doctor's page: ${faultsText(faults)}`,
      text: checksText(checks),
    },
    { name: 'doctor.json', what: 'the same for programs', text: jsonText(checks) },
    ...(status === undefined ? [] : await statusParts(status)),
    { name: 'log.txt', what: `the agent's last ${LOG_LINES} log lines`, text: await logText() },
    ...recording,
  ];
}

async function statusParts(status: AgentStatus): Promise<BundlePart[]> {
  const { alerts, ...rest } = status;
  return [
    { name: 'status.json', what: "the running agent's status", text: jsonText(rest) },
    {
      name: 'alerts.json',
      what: `its last ${alerts.length} alarms`,
      text: jsonText(alerts.map(withoutEvidence)),
    },
    { name: 'metrics.txt', what: 'its metrics', text: await metricsText(agentMetrics(status)) },
  ];
}

/** Frames and records stay on the gateway. */
function withoutEvidence(alert: AgentStatus['alerts'][number]): object {
  const { code, severity, title, lastSeenUs, occurrencesCount } = alert;
  return { code, severity, title, lastSeenUs, occurrencesCount };
}

/** What somebody does while it records shows between the two marks. */
async function recordingParts(socketPath: string, seconds: number): Promise<BundlePart[]> {
  const clock = new SystemClock();
  const stop = new AbortController();
  if (process.stderr.isTTY) {
    process.stderr.write(`fieldtap: recording ${seconds} s of the live view...\n`);
  }
  const before = await agentStatus(socketPath);
  const lines = [
    JSON.stringify({ mark: 'before', atMs: clock.wallMs(), traffic: before?.traffic }),
  ];
  let bytes = 0;
  const cancel = clock.after(seconds * 1000, () => stop.abort());
  try {
    await followLive(socketPath, stop.signal, (interval) => {
      const line = JSON.stringify(interval);
      bytes += line.length;
      if (bytes <= RECORD_BYTES_MAX) lines.push(line);
    });
  } catch (error) {
    if (!(error instanceof OperatorFault)) throw error;
    lines.push(JSON.stringify({ problem: error.problem }));
  } finally {
    cancel();
  }
  const after = await agentStatus(socketPath);
  lines.push(JSON.stringify({ mark: 'after', atMs: clock.wallMs(), traffic: after?.traffic }));
  const text = `${lines.join('\n')}\n`;
  return [{ name: 'recording.ndjson', what: `${seconds} s of the live view, with marks`, text }];
}

function versionsText(): string {
  const distribution = /^PRETTY_NAME="?([^"\n]*)/m.exec(fileText('/etc/os-release'))?.[1];
  return jsonText({
    program: PROGRAM_VERSION,
    node: process.version,
    kernel: release(),
    architecture: arch(),
    distribution: distribution ?? 'unknown',
  });
}

async function logText(): Promise<string> {
  const words = ['-u', UNIT, '-n', String(LOG_LINES), '--no-pager', '-o', 'short-iso'];
  try {
    const { stdout } = await promisify(execFile)('journalctl', words, { timeout: LOG_MS });
    return stdout;
  } catch {
    return `The journal of the unit "${UNIT}" can't be read here.\n`;
  }
}

function socketIn(configPath: string): string {
  try {
    return loadConfig(configPath).diagnostics.socket;
  } catch (error) {
    if (error instanceof OperatorFault) return DEFAULT_SOCKET_PATH;
    throw error;
  }
}

function fileText(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    return `# "${path}" can't be read (${error instanceof Error ? error.message : error}).\n`;
  }
}

function jsonText(value: unknown): string {
  return `${JSON.stringify(value, undefined, 2)}\n`;
}

function faultsText(count: number): string {
  if (count === 0) return 'no fault';
  return count === 1 ? 'a fault' : `${count} faults`;
}
