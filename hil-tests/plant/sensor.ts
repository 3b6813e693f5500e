/**
 * The program under test on its gateway: writes a configuration, starts `fieldtap run`, and asks it
 * over its control socket. Black box: nothing of the agent's code is imported, and what it says of
 * itself is held against what the bench counts.
 */
import { join } from 'node:path';
import { type BenchProcess, eventually, PATIENCE_MS } from '../bench-process.ts';
import { askAgent } from '../control-socket.ts';
import type { Host } from './host.ts';

/** A loaded machine takes long to load the program. */
const START_MS = 60_000;

export interface SensorInterface {
  readonly name: string;
  readonly role: 'mirror' | 'tapA' | 'tapB';
}

export interface SensorUplink {
  /** `mqtts://host:port` */
  readonly broker: string;
  /** Folder with keys and certificates; made by `Enrolment`. */
  readonly credentials: string;
  readonly summaryIntervalMs: number;
}

/** The part of `fieldtap status --json` that the bench reads. */
export interface SensorStatus {
  readonly agentId?: string;
  readonly residentBytes: number;
  readonly isCapturing: boolean;
  readonly workerRestarts: number;
  readonly interfaces: readonly {
    readonly interfaceName: string;
    readonly linkUp: boolean;
    readonly framesSeen: number;
    readonly framesDropped: number;
    readonly bytesSeen: number;
  }[];
  readonly traffic: {
    readonly frames: number;
    readonly bytesMissed: number;
    readonly gaps: number;
    readonly modbusRequests: number;
    readonly modbusResponses: number;
    readonly modbusExceptions: number;
    readonly modbusTransactions: number;
    readonly modbusMalformed: number;
    readonly opcuaTransportMessages: number;
    readonly opcuaTransactions: number;
    readonly opcuaMalformed: number;
    readonly opcuaEncryptedMessages: number;
  };
  readonly observations: number;
  readonly alertsRaised: number;
  readonly tables: readonly { readonly table: string; readonly used: number }[];
  readonly uplink?: {
    readonly isConnected: boolean;
    readonly outboxMessages: number;
    readonly summariesSigned: number;
    readonly receiptsApplied: number;
    readonly refusedMessages: number;
    readonly reconnects: number;
    readonly receiptAgeSeconds?: number;
    readonly fault?: { readonly code: string; readonly problem: string };
  };
}

export interface SensorOptions {
  readonly host: Host;
  /** On the host; the buffer, the configuration and the socket lie in it. */
  readonly folder: string;
  readonly interfaces: readonly SensorInterface[];
  readonly uplink?: SensorUplink;
}

/** How one start differs from the next. */
export interface SensorStart {
  /** Words before the program: `prlimit ...`, or a shell that enters a control group. */
  readonly before?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

export class Sensor {
  readonly host: Host;
  readonly databasePath: string;
  readonly #folder: string;
  readonly #options: SensorOptions;
  #process: BenchProcess | undefined;

  constructor(options: SensorOptions) {
    this.host = options.host;
    this.#folder = options.folder;
    this.#options = options;
    this.databasePath = join(options.folder, 'buffer.db');
  }

  get configPath(): string {
    return join(this.#folder, 'fieldtap.yaml');
  }

  get process(): BenchProcess {
    if (this.#process === undefined) throw new Error('the sensor was not started');
    return this.#process;
  }

  /** Starts it and waits until it says that it captures. Returns the milliseconds that took. */
  async start(options: SensorStart = {}): Promise<number> {
    await this.host.writeFile(this.configPath, this.#configText());
    const beganMs = performance.now();
    const { before = [], env = {} } = options;
    const words = this.host.fieldtapWords(['run', '--config', this.configPath]);
    this.#process = this.host.start(words, { before, env });
    const process = this.#process;
    await eventually(
      async () => {
        if (process.hasEnded) throw new Error(`the sensor ended: ${process.stderr.slice(-2000)}`);
        return (await this.statusNow())?.isCapturing === true ? true : undefined;
      },
      'the sensor to capture',
      START_MS,
    );
    return performance.now() - beganMs;
  }

  /** Undefined when it doesn't answer. */
  async statusNow(): Promise<SensorStatus | undefined> {
    const socketPath = join(this.#folder, 'agent.sock');
    const text = this.host.isLocal
      ? await askAgent(socketPath, '/v1/status')
      : await this.#askRemote(socketPath);
    // The contract of the control socket (docs/configuration.md); a missing field fails a test.
    return text === undefined ? undefined : (JSON.parse(text) as SensorStatus);
  }

  async status(): Promise<SensorStatus> {
    return eventually(() => this.statusNow(), 'an answer of the sensor');
  }

  /** Asks until the status is as wished; fails with the last one. */
  async until(
    isReached: (status: SensorStatus) => boolean,
    what: string,
    patienceMs = PATIENCE_MS,
  ): Promise<SensorStatus> {
    let last: SensorStatus | undefined;
    try {
      return await eventually(
        async () => {
          last = (await this.statusNow()) ?? last;
          return last !== undefined && isReached(last) ? last : undefined;
        },
        what,
        patienceMs,
      );
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      throw new Error(`${reason}; last status: ${JSON.stringify(last)}`);
    }
  }

  async stop(): Promise<void> {
    await this.#process?.stop();
  }

  /** As a power cut or a crash ends it. */
  async kill(): Promise<void> {
    this.process.signal('SIGKILL');
    await this.process.ended();
  }

  /** The socket is on the other machine: the program itself asks there. */
  async #askRemote(socketPath: string): Promise<string | undefined> {
    const words = this.host.fieldtapWords(['status', '--json', '--socket', socketPath]);
    return this.host.run(...words).catch(() => undefined);
  }

  #configText(): string {
    const { interfaces, uplink } = this.#options;
    const named = interfaces.map(({ name, role }) => `{ name: ${name}, role: ${role} }`);
    return `site: { name: Bench, sector: water, sharing: standard }
capture: { interfaces: [${named.join(', ')}] }
buffer: { path: buffer.db, quotaMiB: 64 }
${uplink === undefined ? '' : uplinkText(uplink)}
diagnostics: { socket: agent.sock, logLevel: info }
`;
  }
}

function uplinkText({ broker, credentials, summaryIntervalMs }: SensorUplink): string {
  return `uplink:
  broker: "${broker}"
  credentials: ${JSON.stringify(credentials)}
  summaryIntervalMs: ${summaryIntervalMs}`;
}
