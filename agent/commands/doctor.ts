/**
 * `fieldtap doctor`: collects the facts (configuration, interfaces, permission, disk, the way to
 * the broker, the running agent's own word) and prints diagnostics' judgement of them.
 */

import { lookup } from 'node:dns/promises';
import { accessSync, constants, existsSync, statfsSync } from 'node:fs';
import { connect } from 'node:net';
import { dirname } from 'node:path';
import { canCapture, listInterfaces } from '../capture/interfaces.ts';
import { type Config, DEFAULT_SOCKET_PATH, loadConfig } from '../config.ts';
import {
  type Check,
  type DoctorFacts,
  exitCodeOf,
  judge,
  type UplinkStep,
} from '../diagnostics/doctor.ts';
import { OperatorFault } from '../platform/operator-fault.ts';
import { escapeText } from '../platform/wire-text.ts';
import { agentStatus } from './control-client.ts';

const TCP_MS = 3000;

export async function doctor(options: { config: string; json: boolean }): Promise<number> {
  const facts = await collect(options.config);
  const checks = judge(facts);
  if (options.json) process.stdout.write(`${JSON.stringify({ checks })}\n`);
  else process.stdout.write(checksText(checks));
  return exitCodeOf(checks);
}

async function collect(configPath: string): Promise<DoctorFacts> {
  const { config, faults } = readConfig(configPath);
  const status = await agentStatus(config?.diagnostics.socket ?? DEFAULT_SOCKET_PATH);
  const base = {
    configPath,
    configFaults: faults,
    available: listInterfaces().map((each) => ({ name: each.name, isUp: each.linkUp })),
    canCapture: canCapture(),
    ...(status && { status }),
  };
  if (config === undefined) return base;
  return {
    ...base,
    wanted: {
      interfaces: config.capture.interfaces.map((each) => each.name),
      bufferPath: config.buffer.path,
      quotaBytes: config.buffer.quotaMiB * 2 ** 20,
      ...(config.uplink && { broker: config.uplink.broker }),
    },
    disk: diskFacts(config.buffer.path),
    ...(config.uplink &&
      status?.uplink?.isConnected !== true && { uplinkSteps: await uplinkSteps(config) }),
  };
}

function readConfig(path: string): { config?: Config; faults: string[] } {
  try {
    return { config: loadConfig(path), faults: [] };
  } catch (error) {
    if (error instanceof OperatorFault) return { faults: [error.problem] };
    throw error;
  }
}

function diskFacts(bufferPath: string): NonNullable<DoctorFacts['disk']> {
  const folder = dirname(bufferPath);
  if (!existsSync(folder)) {
    return { freeBytes: 0, isWritable: false, error: `no folder "${folder}"` };
  }
  const { bavail, bsize } = statfsSync(folder);
  try {
    accessSync(folder, constants.W_OK);
    return { freeBytes: bavail * bsize, isWritable: true };
  } catch {
    return { freeBytes: bavail * bsize, isWritable: false };
  }
}

/** Name, then TCP: the first that fails is the answer. */
async function uplinkSteps(config: Config): Promise<UplinkStep[]> {
  const steps: UplinkStep[] = [];
  if (config.uplink === undefined) return steps;
  const { hostname, port, protocol } = new URL(config.uplink.broker);
  const host = hostname.replace(/^\[|\]$/g, '');
  const started = performance.now();
  try {
    await lookup(host);
    steps.push({ step: 'name', ok: true, detail: host, tookMs: performance.now() - started });
  } catch {
    const detail = `The name "${host}" of the broker can't be resolved.`;
    steps.push({ step: 'name', ok: false, detail, tookMs: performance.now() - started });
    return steps;
  }
  steps.push(await tcpStep(host, Number(port || (protocol === 'mqtts:' ? 8883 : 1883))));
  return steps;
}

function tcpStep(host: string, port: number): Promise<UplinkStep> {
  const started = performance.now();
  return new Promise((resolve) => {
    const socket = connect({ host, port, timeout: TCP_MS });
    const finish = (ok: boolean, detail: string): void => {
      socket.destroy();
      resolve({ step: 'tcp', ok, detail, tookMs: performance.now() - started });
    };
    socket.once('connect', () => finish(true, `${host}:${port}`));
    socket.once('timeout', () =>
      finish(false, `The broker ${host}:${port} doesn't answer within ${TCP_MS} ms.`),
    );
    socket.once('error', (error) =>
      finish(false, `The broker ${host}:${port} can't be reached (${error.message}).`),
    );
  });
}

const MARKS = {
  good: 'ok     ',
  warning: 'look   ',
  fault: 'FAULT  ',
  unknown: '?      ',
} as const;

function checksText(checks: readonly Check[]): string {
  const lines: string[] = [];
  for (const check of checks) {
    if (check.explainedBy !== undefined) continue;
    lines.push(`${MARKS[check.verdict]}${check.name.padEnd(18)} ${escapeText(check.figure)}`);
    if (check.cause !== undefined) lines.push(`       ${escapeText(check.cause)}`);
    if (check.remedy !== undefined) lines.push(`       -> ${escapeText(check.remedy)}`);
  }
  return `${lines.join('\n')}\n`;
}
