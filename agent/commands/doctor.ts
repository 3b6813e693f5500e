/**
 * `fieldtap doctor`: collects the facts (configuration, interfaces, what they bring, permission,
 * clock, disk, the way to the hub, the running agent's own word) and prints diagnostics' judgement.
 * Works with and without the agent, and as far as it goes without root.
 */
import { accessSync, constants, existsSync } from 'node:fs';
import { canCapture } from '../capture/interfaces.ts';
import { type Config, DEFAULT_SOCKET_PATH, loadConfig } from '../config.ts';
import type { AgentStatus, BufferStatus } from '../diagnostics/agent-status.ts';
import { type Check, exitCodeOf } from '../diagnostics/check.ts';
import { isEnrolled } from '../diagnostics/checks/uplink.ts';
import { judge } from '../diagnostics/doctor.ts';
import type { DoctorFacts, Heard, UplinkStep } from '../diagnostics/doctor-facts.ts';
import { checksText } from '../diagnostics/doctor-text.ts';
import { SystemClock } from '../platform/clock.ts';
import { OperatorFault } from '../platform/operator-fault.ts';
import { serialLineName } from '../platform/serial-line-name.ts';
import { escapeJson } from '../platform/wire-text.ts';
import { agentStatus, isForbidden } from './control-client.ts';
import { enrolmentFacts } from './doctor-enrolment.ts';
import { clockFacts, diskFacts, interfaceFacts, serialFacts } from './doctor-machine.ts';

const REFUSED_LOOKED_AT = 20;

export interface DoctorOptions {
  readonly config: string;
  readonly json: boolean;
  /** How long to listen on each capture interface; 0 asks the agent alone. */
  readonly seconds: number;
}

export async function doctor(options: DoctorOptions): Promise<number> {
  const checks = await diagnose(options);
  process.stdout.write(
    options.json ? `${escapeJson(JSON.stringify({ checks }))}\n` : checksText(checks),
  );
  return exitCodeOf(checks);
}

/** The checks themselves, for setup and the support file too. */
export async function diagnose(options: Omit<DoctorOptions, 'json'>): Promise<Check[]> {
  return judge(await collect(options.config, options.seconds));
}

async function collect(configPath: string, seconds: number): Promise<DoctorFacts> {
  const { config, faults, isUnreadable } = readConfig(configPath);
  const socketPath = config?.diagnostics.socket ?? DEFAULT_SOCKET_PATH;
  const status = await agentStatus(socketPath);
  const mayCapture = canCapture();
  const base = {
    configPath,
    configFaults: faults,
    ...(isUnreadable === true && { isConfigUnreadable: true }),
    interfaces: interfaceFacts(),
    canCapture: mayCapture,
    isSocketForbidden: status === undefined && isForbidden(socketPath),
    clock: await clockFacts(new SystemClock()),
    ...(status && { status }),
  };
  if (config === undefined) return { ...base, heard: [], serial: [] };
  const { capture, buffer, uplink } = config;
  const enrolment = uplink && enrolmentFacts(uplink.credentials, uplink.broker);
  const [heard, steps] = await Promise.all([
    mayCapture && seconds > 0 ? hear(config, seconds) : [],
    uplinkSteps(config, status, isEnrolled(enrolment) ? enrolment?.agentId : undefined),
  ]);
  const kept = status === undefined ? await bufferOf(config) : undefined;
  return {
    ...base,
    wanted: {
      interfaces: capture.interfaces,
      serialLines: capture.serial.map(serialLineName),
      bufferPath: buffer.path,
      quotaBytes: buffer.quotaMiB * 2 ** 20,
      ...(uplink && { broker: uplink.broker, summaryIntervalMs: uplink.summaryIntervalMs }),
    },
    heard,
    serial: serialFacts(config),
    disk: diskFacts(buffer.path),
    ...(kept && { buffer: kept }),
    ...(enrolment && { enrolment }),
    ...(steps && { uplinkSteps: steps }),
  };
}

function readConfig(path: string): {
  config?: Config;
  faults: string[];
  isUnreadable?: boolean;
} {
  try {
    return { config: loadConfig(path), faults: [] };
  } catch (error) {
    if (!(error instanceof OperatorFault)) throw error;
    const lines = error.problem.split('\n').map((line) => line.trim());
    const faults = lines.filter((line) => line.startsWith(`${path}:`));
    const isUnreadable = error.code === 'CONFIG_FILE_UNREADABLE';
    return { faults: faults.length > 0 ? faults : [error.problem.trim()], isUnreadable };
  }
}

/** Loads the capture and its FFI only where it may be used. */
async function hear({ capture, decode }: Config, seconds: number): Promise<Heard[]> {
  if (capture.interfaces.length === 0) return [];
  const { listen } = await import('./site-listen.ts');
  const { modbusPorts, opcuaPorts } = decode;
  if (process.stderr.isTTY) process.stderr.write(`fieldtap: listening for ${seconds} s...\n`);
  return listen(capture.interfaces, { seconds, modbusPorts, opcuaPorts });
}

/** While an agent runs, it holds the session: then only name and TCP are tried from here. */
async function uplinkSteps(
  { uplink }: Config,
  status: AgentStatus | undefined,
  agentId: string | undefined,
): Promise<readonly UplinkStep[] | undefined> {
  if (uplink === undefined || status?.uplink?.isConnected === true) return undefined;
  const { tryUplink } = await import('./doctor-uplink.ts');
  const { broker, credentials } = uplink;
  const isTriedWhole = status === undefined && agentId !== undefined;
  return tryUplink(
    { broker, credentials, agentId: agentId ?? '' },
    isTriedWhole ? 'receipt' : 'tcp',
  );
}

/** The database's own account; a fault of it is a fact, a missing one is none. */
async function bufferOf({ buffer }: Config): Promise<BufferStatus | undefined> {
  if (!existsSync(buffer.path) || !isReadable(buffer.path)) return undefined;
  const { ReadOnlyBuffer } = await import('../../buffer/read-only-buffer.ts');
  const base = { path: buffer.path, quotaBytes: buffer.quotaMiB * 2 ** 20 };
  try {
    const database = new ReadOnlyBuffer(buffer.path);
    try {
      const {
        counters: _,
        streams: __,
        epochFacts,
        ...told
      } = database.statistics(new SystemClock().wallMs());
      const epoch = epochFacts && {
        epochReason: epochFacts.reason,
        epochBeganMs: epochFacts.beganMs,
      };
      const refusedReasons = database.refusedReasons(REFUSED_LOOKED_AT);
      return { ...base, ...told, ...epoch, refusedReasons };
    } finally {
      database.close();
    }
  } catch (error) {
    if (!(error instanceof OperatorFault)) throw error;
    const { code, problem, remedy } = error;
    const fault = { code, problem, remedy };
    return { ...base, databaseBytes: 0, observationsStored: 0, fault };
  }
}

/** That this user may not read it says nothing about the agent. */
function isReadable(path: string): boolean {
  try {
    accessSync(path, constants.R_OK);
    return true;
  } catch {
    return false;
  }
}
