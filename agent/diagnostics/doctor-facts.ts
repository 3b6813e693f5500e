/**
 * What doctor judges: facts that commands collect (agent/commands/doctor-*.ts) and hand over, plain
 * data and no I/O. A fact that could not be had is absent, which is never read as "good".
 */
import type { AgentStatus, BufferStatus } from './agent-status.ts';

export interface InterfaceFacts {
  readonly name: string;
  /** Set up by an administrator. */
  readonly isSetUp: boolean;
  /** Set up, and there is a carrier. */
  readonly isUp: boolean;
  readonly isLoopback: boolean;
  readonly addresses: readonly string[];
  /** Frames the port has sent since it exists (kernel counter). */
  readonly framesSent?: number;
}

/** One server port that was heard, for "no plant protocol, and what instead". */
export interface PortHeard {
  /** `tcp 443`, `udp 53`, `ARP`, `LLDP`... */
  readonly what: string;
  readonly frames: number;
}

/** What an interface brought while somebody listened, by doctor itself or by setup. */
export interface Heard {
  readonly interfaceName: string;
  readonly seconds: number;
  readonly frames: number;
  readonly bytes: number;
  readonly framesDropped: number;
  /** Shorter than their own headers say: cut by the switch or by a snap length. */
  readonly framesCut: number;
  readonly framesDuplicate: number;
  readonly framesTagged: number;
  /** Ascending. */
  readonly vlanIds: readonly number[];
  /** IP packets that came twice with another TTL and no tag: both sides of a router, untagged. */
  readonly routedCopies: number;
  /** TCP connections with data, and those of which only one side was heard. */
  readonly connections: number;
  readonly connectionsOneSided: number;
  readonly senders: number;
  readonly modbusRequests: number;
  readonly modbusResponses: number;
  readonly opcuaMessages: number;
  readonly opcuaTransactions: number;
  readonly opcuaEncrypted: number;
  /** Most frames first. */
  readonly ports: readonly PortHeard[];
}

export interface SerialFacts {
  readonly name: string;
  readonly port: string;
  readonly exists: boolean;
  readonly isReadable: boolean;
  /** Other ports of this machine, stable names first. */
  readonly available: readonly string[];
}

export interface ClockFacts {
  /** Of this machine now. */
  readonly wallMs: number;
  /** No clock before this can be right: the program is not older. */
  readonly programDateMs: number;
  /** Whether the kernel's clock is disciplined by anything; absent where it can't be asked. */
  readonly isSynchronized?: boolean;
  /** Greatest error that the kernel believes in, ms. */
  readonly errorMs?: number;
}

export interface DiskFacts {
  readonly folder: string;
  readonly freeBytes: number;
  readonly totalBytes: number;
  readonly isWritable: boolean;
  /** The folder is made by the agent's first start; the figures are of the disk it will be on. */
  readonly isNotMade?: boolean;
  /** The folder is somebody else's: what this user may do there says nothing about the agent. */
  readonly isOfOther?: boolean;
  /** `no folder`, `EROFS`... */
  readonly error?: string;
  /** Median of a few small synchronous writes. */
  readonly syncMs?: number;
  /** eMMC: the card's own word on its wear, as a share of its life. */
  readonly lifeUsedPercent?: number;
  /** Database files that were set aside, newest last. */
  readonly setAside: readonly string[];
}

export interface EnrolmentFacts {
  readonly folder: string;
  readonly hasAgentKey: boolean;
  /** Files that `uplink` needs and that aren't there. */
  readonly missing: readonly string[];
  /** Why a file that is there can't be used. */
  readonly unusable?: string;
  readonly agentId?: string;
  /** Of the client certificate. */
  readonly certificate?: {
    readonly commonName?: string;
    readonly notBeforeMs: number;
    readonly notAfterMs: number;
  };
}

export const UPLINK_STEPS = ['name', 'tcp', 'tls', 'mqtt', 'permission', 'receipt'] as const;

export interface UplinkStep {
  readonly step: (typeof UPLINK_STEPS)[number];
  readonly ok: boolean;
  /** A figure when it went well, a sentence when not. */
  readonly detail: string;
  readonly tookMs: number;
  /** What OpenSSL, the system or MQTT call it: `CERT_HAS_EXPIRED`, `ECONNREFUSED`, `0x87`. */
  readonly code?: string;
  /** `tls`: how long the broker's certificate still holds. */
  readonly daysLeft?: number;
}

export interface Wanted {
  readonly interfaces: readonly { readonly name: string; readonly role: string }[];
  readonly serialLines: readonly string[];
  readonly bufferPath: string;
  readonly quotaBytes: number;
  readonly broker?: string;
  readonly summaryIntervalMs?: number;
}

export interface DoctorFacts {
  readonly configPath: string;
  /** Faults of the configuration, one sentence each; empty when it is good. */
  readonly configFaults: readonly string[];
  /** The file is not there, or this user may not read it. */
  readonly isConfigUnreadable?: boolean;
  /** From the configuration; absent while it can't be read. */
  readonly wanted?: Wanted;
  readonly interfaces: readonly InterfaceFacts[];
  readonly canCapture: boolean;
  /** From the control socket; absent when no agent answers. */
  readonly status?: AgentStatus;
  /** The socket is there, and this user may not use it. */
  readonly isSocketForbidden: boolean;
  readonly heard: readonly Heard[];
  readonly serial: readonly SerialFacts[];
  readonly clock: ClockFacts;
  readonly disk?: DiskFacts;
  /** Of the database, where no agent runs. */
  readonly buffer?: BufferStatus;
  readonly enrolment?: EnrolmentFacts;
  /** Steps to the broker that were tried here, in order; the first failure ends the list. */
  readonly uplinkSteps?: readonly UplinkStep[];
}
