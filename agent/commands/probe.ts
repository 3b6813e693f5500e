/**
 * `fieldtap probe modbus|opcua TARGET`: the one command that sends something to a device. Explicit,
 * off unless the configuration allows it, in processes of its own; it shows what leaves before it
 * leaves, asks, and is noted among the observations. Reads only.
 */
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline/promises';
import { type Config, loadConfig } from '../config.ts';
import { OperatorFault } from '../platform/operator-fault.ts';
import { escapeJson, escapeText } from '../platform/wire-text.ts';
import { questionText, requestFrames } from '../probe/modbus-frames.ts';
import type { ModbusCarrier, ModbusQuestion, ProbePlan } from '../probe/probe-plan.ts';
import { keepLearned, learnedAsset } from './probe-facts.ts';
import { checkLog, noteProbe } from './probe-log.ts';
import { type ProbeResult, runSender } from './probe-run.ts';
import { checkAllowed, checkSerialTarget, networkTarget } from './probe-target.ts';

interface ProbeOptions {
  readonly config: string;
  readonly yes: boolean;
  readonly json: boolean;
  /** For each answer. */
  readonly timeout: number;
}

export interface ModbusProbeOptions extends ProbeOptions {
  readonly unit: number;
  readonly rtu: boolean;
  /** `holdingRegister:100:2` */
  readonly read?: readonly string[];
  readonly baudRate: number;
  readonly parity: 'none' | 'even' | 'odd';
}

export interface OpcuaProbeOptions extends ProbeOptions {
  readonly session: boolean;
}

const MODBUS_PORT = 502;
const OPCUA_PORT = 4840;
const SILENT_MS = 10_000;
const READS_MAX = 16;
const QUANTITY_MAX = 125;
const EXIT_NOT_CONFIRMED = 2;
const OBJECTS = ['coil', 'discreteInput', 'holdingRegister', 'inputRegister'] as const;

export async function probeModbus(target: string, options: ModbusProbeOptions): Promise<number> {
  const config = loadConfig(options.config);
  checkAllowed(config);
  const questions: ModbusQuestion[] = [
    { kind: 'deviceIdentification' },
    { kind: 'serverId' },
    ...(options.read ?? []).slice(0, READS_MAX).map(readOf),
  ];
  const carrier = carrierOf(target, options);
  if (carrier === 'serial') checkSerialTarget(target, config);
  const place = carrier === 'serial' ? undefined : await networkTarget(target, MODBUS_PORT, config);
  const { baudRate, parity, unit: unitId } = options;
  const frames = requestFrames(carrier, unitId, questions);
  const plan: ProbePlan = {
    protocol: 'modbus',
    carrier,
    host: place?.ipAddress ?? target,
    port: place?.port ?? 0,
    unitId,
    questions,
    frames,
    timeoutMs: options.timeout,
    ...(carrier === 'serial' && { serial: { baudRate, parity, silentMs: SILENT_MS } }),
  };
  const way =
    place === undefined
      ? `${target}, if nothing is heard on it for ${SILENT_MS / 1000} s`
      : `${place.ipAddress}:${place.port} by "${place.interfaceName}"`;
  const lines = [
    `To ${way}, unit ${unitId}:`,
    ...questions.map((question, at) => `  ${frames[at]}  ${questionText(question)}`),
  ];
  return probe(plan, lines, options, config);
}

export async function probeOpcua(target: string, options: OpcuaProbeOptions): Promise<number> {
  const config = loadConfig(options.config);
  checkAllowed(config);
  const place = await networkTarget(target.replace(/^opc\.tcp:\/\//, ''), OPCUA_PORT, config);
  const host = place.ipAddress.includes(':') ? `[${place.ipAddress}]` : place.ipAddress;
  const stateFolder = dirname(config.buffer.path);
  const plan: ProbePlan = {
    protocol: 'opcua',
    endpointUrl: `opc.tcp://${host}:${place.port}`,
    hasSession: options.session,
    storeFolder: join(stateFolder, 'probe'),
    timeoutMs: options.timeout,
  };
  const lines = [
    `To ${plan.endpointUrl} by "${place.interfaceName}":`,
    '  HEL, OpenSecureChannel (None), GetEndpoints, FindServers, CloseSecureChannel',
    ...(options.session ? ['  CreateSession (anonymous), Read BuildInfo, CloseSession'] : []),
    '  Numbers and times in them are made while they are sent; each message is shown before.',
  ];
  return probe(plan, lines, options, config);
}

async function probe(
  plan: ProbePlan,
  lines: readonly string[],
  options: ProbeOptions,
  { buffer, diagnostics }: Config,
): Promise<number> {
  checkLog(dirname(buffer.path));
  // On standard error, so that --json leaves one object on standard output.
  process.stderr.write(`${lines.map(escapeText).join('\n')}\n`);
  if (!(await isConfirmed(options))) {
    process.stderr.write('fieldtap: nothing was sent; add --yes to send it.\n');
    return EXIT_NOT_CONFIRMED;
  }
  if (plan.protocol === 'modbus' && plan.serial !== undefined) {
    const { silentMs } = plan.serial;
    process.stderr.write(
      `  listening on ${escapeText(plan.host)} for ${silentMs / 1000} s first\n`,
    );
  }
  const result = await runSender(plan, (hex) => process.stderr.write(`  sending ${hex}\n`));
  const learned = learnedAsset(plan, result);
  const noted = await settled(
    noteProbe(plan, result, diagnostics.socket, dirname(buffer.path), learned),
  );
  if (noted.value !== true && learned !== undefined && !(await keepLearned(learned, buffer))) {
    process.stderr.write('fieldtap: no buffer takes it: the list of assets does not show it.\n');
  }
  if (options.json) process.stdout.write(`${escapeJson(JSON.stringify(result))}\n`);
  else process.stdout.write(resultText(result));
  if (noted.error !== undefined) throw noted.error;
  if (result.failed !== undefined) {
    const { code, problem } = result.failed;
    throw new OperatorFault({ code, problem, remedy: remedyOf(code, plan) });
  }
  return Object.keys(result.facts).length > 0 ? 0 : 1;
}

/** What was learned is shown also where it can't be noted. */
async function settled<T>(work: Promise<T>): Promise<{ value?: T; error?: unknown }> {
  return work.then(
    (value) => ({ value }),
    (error: unknown) => ({ error }),
  );
}

async function isConfirmed({ yes }: ProbeOptions): Promise<boolean> {
  if (yes) return true;
  if (process.stdin.isTTY !== true) return false;
  const reader = createInterface({ input: process.stdin, output: process.stderr });
  try {
    return /^y(es)?$/i.test((await reader.question('Send this? [y/N] ')).trim());
  } finally {
    reader.close();
  }
}

function resultText({ facts, unanswered }: ProbeResult): string {
  const lines = [
    ...Object.entries(facts).map(([name, value]) => `${name}: ${value}`),
    ...unanswered.map(({ question, problem }) => `no answer to ${question}: ${problem}`),
  ];
  return lines.map((line) => `${escapeText(line)}\n`).join('');
}

function carrierOf(target: string, { rtu }: ModbusProbeOptions): ModbusCarrier {
  if (target.startsWith('/')) return 'serial';
  return rtu ? 'rtuOverTcp' : 'tcp';
}

function readOf(text: string): ModbusQuestion {
  const [name, address, quantity = '1'] = text.split(':');
  const object = OBJECTS.find((each) => each === name);
  const isNumbers = /^\d{1,5}$/.test(address ?? '') && /^\d{1,4}$/.test(quantity);
  const count = Number(quantity);
  if (object !== undefined && isNumbers && Number(address) <= 65_535 && count >= 1) {
    if (count <= QUANTITY_MAX)
      return { kind: 'read', object, address: Number(address), quantity: count };
  }
  throw new OperatorFault({
    code: 'PROBE_READ_UNCLEAR',
    problem: `"${escapeText(text)}" says nothing that can be read.`,
    remedy: `Write OBJECT:ADDRESS:QUANTITY, such as holdingRegister:100:2 (${OBJECTS.join(', ')}).`,
  });
}

function remedyOf(code: string, plan: ProbePlan): string {
  switch (code) {
    case 'PROBE_LINE_IN_USE':
      return 'Leave it alone: two clients on one line disturb each other. Tap it instead.';
    case 'PROBE_TARGET_UNREACHABLE':
      if (plan.protocol === 'modbus' && plan.carrier === 'serial') {
        return 'Check that no other program has it open, and that this user may (group dialout).';
      }
      return 'Check address, port and that the device is on; a firewall may stand between.';
    case 'PROBE_BYTES_NOT_PLANNED':
      return 'Nothing but the plan was sent. Report it with the version of this program.';
    default:
      return 'Try again; if it lasts, report it with the version of this program.';
  }
}
