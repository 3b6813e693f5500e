/**
 * Doctor's judgement: facts in, a list of plain checks out, in the order in which one depends on
 * another. A check whose root cause is already told is hidden behind it, so that one pulled cable
 * lights one line and two faults light two.
 */
import type { AgentStatus } from './agent-status.ts';

export type Verdict = 'good' | 'warning' | 'fault' | 'unknown';

export interface Check {
  /** Stable word for programs: `interface:eth1`, `permission`, `uplink`. */
  readonly name: string;
  readonly verdict: Verdict;
  /** What was measured, as a short phrase. */
  readonly figure: string;
  /** Why it is no good; absent when it is. */
  readonly cause?: string;
  readonly remedy?: string;
  /** Name of the check that explains this one; such a check is not shown as a fault of its own. */
  readonly explainedBy?: string;
}

export interface InterfaceFacts {
  readonly name: string;
  readonly isUp: boolean;
}

export interface DoctorFacts {
  readonly configPath: string;
  /** Faults of the configuration, one sentence each; empty when it is good. */
  readonly configFaults: readonly string[];
  readonly wanted?: {
    readonly interfaces: readonly string[];
    readonly bufferPath: string;
    readonly quotaBytes: number;
    readonly broker?: string;
  };
  readonly available: readonly InterfaceFacts[];
  readonly canCapture: boolean;
  /** From the control socket; absent when no agent answers. */
  readonly status?: AgentStatus;
  readonly disk?: {
    readonly freeBytes: number;
    readonly isWritable: boolean;
    readonly error?: string;
  };
  /** Steps to the broker that were tried here, in order; the first failure ends the list. */
  readonly uplinkSteps?: readonly UplinkStep[];
}

export interface DiskFacts {
  readonly freeBytes: number;
  readonly isWritable: boolean;
  readonly error?: string;
}

export interface UplinkStep {
  readonly step: 'credentials' | 'name' | 'tcp';
  readonly ok: boolean;
  readonly detail: string;
  readonly tookMs: number;
}

const TRAFFIC_SILENT_SECONDS = 60;
const RECEIPT_LATE_SECONDS = 900;
const DROPPED_SHARE_MAX = 0.001;

export function judge(facts: DoctorFacts): Check[] {
  const checks: Check[] = [configCheck(facts)];
  if (facts.wanted === undefined) return checks;
  checks.push(permissionCheck(facts), agentCheck(facts));
  for (const name of facts.wanted.interfaces) {
    const link = interfaceCheck(name, facts);
    checks.push(link, trafficCheck(name, facts, link), dropsCheck(name, facts));
  }
  checks.push(protocolCheck(facts), diskCheck(facts, facts.wanted.quotaBytes));
  if (facts.wanted.broker !== undefined) checks.push(uplinkCheck(facts, facts.wanted.broker));
  return checks;
}

/** 0 when nothing is wrong, 1 when a check is at fault. */
export function exitCodeOf(checks: readonly Check[]): number {
  return checks.some((check) => check.verdict === 'fault') ? 1 : 0;
}

function configCheck(facts: DoctorFacts): Check {
  if (facts.configFaults.length === 0) {
    return { name: 'configuration', verdict: 'good', figure: facts.configPath };
  }
  return {
    name: 'configuration',
    verdict: 'fault',
    figure: `${facts.configFaults.length} faults`,
    cause: facts.configFaults[0],
    remedy: 'Run "fieldtap check-config" and mend every line it names.',
  };
}

function permissionCheck(facts: DoctorFacts): Check {
  if (facts.canCapture || facts.status?.isCapturing === true) {
    return { name: 'permission', verdict: 'good', figure: 'may capture' };
  }
  if (facts.status !== undefined) {
    return { name: 'permission', verdict: 'unknown', figure: 'not tested by this user' };
  }
  return {
    name: 'permission',
    verdict: 'fault',
    figure: 'may not capture',
    cause: 'This user may not open a capture socket (CAP_NET_RAW is missing).',
    remedy: 'Run as root, or: setcap cap_net_raw+ep on the program.',
  };
}

function agentCheck(facts: DoctorFacts): Check {
  const { status } = facts;
  if (status === undefined) {
    return {
      name: 'agent',
      verdict: 'warning',
      figure: 'no agent answers',
      cause: 'The agent is not running, or this user may not reach its control socket.',
      remedy: 'Start it with "fieldtap run", or join the group fieldtap.',
    };
  }
  if (!status.isCapturing) {
    return {
      name: 'agent',
      verdict: 'fault',
      figure: 'running, not capturing',
      cause: status.captureFault?.problem ?? 'The capture worker is down.',
      remedy: 'Look at the log; the agent keeps trying to start it again.',
    };
  }
  return {
    name: 'agent',
    verdict: 'good',
    figure: `capturing for ${Math.floor(status.uptimeSeconds)} s`,
  };
}

function interfaceCheck(name: string, facts: DoctorFacts): Check {
  const there = facts.available.find((each) => each.name === name);
  if (there === undefined) {
    const names = facts.available.map((each) => each.name).join(', ');
    return {
      name: `interface:${name}`,
      verdict: 'fault',
      figure: 'missing',
      cause: `There is no interface "${name}" on this gateway.`,
      remedy: `Set capture.interfaces to one of: ${names}.`,
    };
  }
  if (!there.isUp) {
    return {
      name: `interface:${name}`,
      verdict: 'fault',
      figure: 'down',
      cause: `Interface "${name}" is down: no cable, or nobody switched it on.`,
      remedy: `Check the cable to the mirror port, then: ip link set ${name} up.`,
    };
  }
  return { name: `interface:${name}`, verdict: 'good', figure: 'up' };
}

function trafficCheck(name: string, facts: DoctorFacts, link: Check): Check {
  const check = `traffic:${name}`;
  const seen = facts.status?.interfaces.find((each) => each.interfaceName === name);
  if (seen === undefined) return { name: check, verdict: 'unknown', figure: 'needs the agent' };
  const age = seen.lastFrameAgeSeconds;
  if (age !== undefined && age < TRAFFIC_SILENT_SECONDS) {
    return { name: check, verdict: 'good', figure: `${seen.framesSeen} frames` };
  }
  return {
    name: check,
    verdict: 'fault',
    figure: age === undefined ? 'no frame ever' : `silent for ${Math.floor(age)} s`,
    cause: `Nothing arrives on "${name}".`,
    remedy: 'Check the cable, and that the SPAN session is active and mirrors both directions.',
    ...(link.verdict === 'fault' && { explainedBy: link.name }),
  };
}

function dropsCheck(name: string, facts: DoctorFacts): Check {
  const check = `drops:${name}`;
  const seen = facts.status?.interfaces.find((each) => each.interfaceName === name);
  if (seen === undefined) return { name: check, verdict: 'unknown', figure: 'needs the agent' };
  const share = seen.framesDropped / Math.max(1, seen.framesSeen + seen.framesDropped);
  const figure = `${seen.framesDropped} frames dropped`;
  if (share <= DROPPED_SHARE_MAX) return { name: check, verdict: 'good', figure };
  return {
    name: check,
    verdict: 'fault',
    figure,
    cause: 'The sensor is slower than the mirror: the kernel had to drop frames.',
    remedy: 'Mirror fewer ports, or raise capture.ringMiB.',
  };
}

function protocolCheck(facts: DoctorFacts): Check {
  const { status } = facts;
  if (status === undefined) {
    return { name: 'protocols', verdict: 'unknown', figure: 'needs the agent' };
  }
  const { modbusTransactions, opcuaTransactions, frames } = status.traffic;
  const figure = `${modbusTransactions} Modbus, ${opcuaTransactions} OPC UA transactions`;
  if (modbusTransactions + opcuaTransactions > 0)
    return { name: 'protocols', verdict: 'good', figure };
  if (frames === 0) {
    const traffic = facts.wanted?.interfaces[0] ?? '';
    return {
      name: 'protocols',
      verdict: 'warning',
      figure,
      cause: 'No frame has come, so no protocol has.',
      explainedBy: `traffic:${traffic}`,
    };
  }
  return {
    name: 'protocols',
    verdict: 'warning',
    figure,
    cause: `${frames} frames came, none of them Modbus or OPC UA.`,
    remedy: 'The SPAN may copy the wrong port or VLAN; compare with the port of the controller.',
  };
}

function diskCheck(facts: DoctorFacts, quotaBytes: number): Check {
  const fault = facts.status?.buffer.fault;
  if (fault !== undefined) {
    const { problem, remedy } = fault;
    return { name: 'buffer', verdict: 'fault', figure: fault.code, cause: problem, remedy };
  }
  const { disk } = facts;
  if (disk === undefined) return { name: 'buffer', verdict: 'unknown', figure: 'not looked at' };
  const freeMiB = Math.floor(disk.freeBytes / 2 ** 20);
  if (disk.error !== undefined || !disk.isWritable) {
    return {
      name: 'buffer',
      verdict: facts.status === undefined ? 'fault' : 'unknown',
      figure: disk.error ?? 'not writable by this user',
      cause: `The folder of the buffer can't be written (${disk.error ?? 'permission'}).`,
      remedy: 'Make the folder of buffer.path and give it to the user of the agent.',
    };
  }
  const usedBytes = facts.status?.buffer.databaseBytes ?? 0;
  if (disk.freeBytes + usedBytes < quotaBytes) {
    return {
      name: 'buffer',
      verdict: 'warning',
      figure: `${freeMiB} MiB free`,
      cause: 'The disk is smaller than the quota of the buffer: it will be full before the quota.',
      remedy: 'Lower buffer.quotaMiB or free space.',
    };
  }
  return { name: 'buffer', verdict: 'good', figure: `${freeMiB} MiB free` };
}

function uplinkCheck(facts: DoctorFacts, broker: string): Check {
  const uplink = facts.status?.uplink;
  if (uplink?.isConnected === true) {
    const age = uplink.receiptAgeSeconds;
    if (age !== undefined && age < RECEIPT_LATE_SECONDS) {
      const figure = `last receipt ${Math.floor(age)} s ago, ${uplink.outboxMessages} waiting`;
      return { name: 'uplink', verdict: 'good', figure };
    }
    return {
      name: 'uplink',
      verdict: 'warning',
      figure:
        age === undefined ? 'connected, no receipt yet' : `last receipt ${Math.floor(age)} s ago`,
      cause: 'The broker answers, but the hub has not confirmed what was sent.',
      remedy:
        'Ask the hub operator whether the hub runs and knows this agent. Nothing is lost here.',
    };
  }
  if (uplink?.fault !== undefined) {
    const { code, problem, remedy } = uplink.fault;
    return { name: 'uplink', verdict: 'fault', figure: code, cause: problem, remedy };
  }
  const failed = facts.uplinkSteps?.find((step) => !step.ok);
  if (failed !== undefined) {
    return {
      name: 'uplink',
      verdict: 'fault',
      figure: `failed at ${failed.step} after ${Math.round(failed.tookMs)} ms`,
      cause: failed.detail,
      remedy: UPLINK_REMEDIES[failed.step],
    };
  }
  return {
    name: 'uplink',
    verdict: uplink === undefined ? 'unknown' : 'fault',
    figure: `${broker} reachable, not connected`,
    ...(uplink && { cause: 'The broker can be reached, but the agent has no session with it.' }),
    ...(uplink && { remedy: 'Look at the log for the refusal; check certificate and permission.' }),
  };
}

const UPLINK_REMEDIES = {
  credentials: 'Put the enrolment into the folder of uplink.credentials.',
  name: 'Check uplink.broker and the name server of this gateway.',
  tcp: 'Check the route, the firewall and that the broker runs.',
} as const;
