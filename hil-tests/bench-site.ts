/**
 * A site on the bench: a broker, a hub and an agent as processes, with their configurations in one
 * folder, enrolled as an operator would do it by hand. Tests start, kill and ask them.
 */
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  type BenchProcess,
  eventually,
  fieldtap,
  ROOT,
  startDevice,
  startFieldtap,
  startHub,
} from './bench-process.ts';
import { askAgent } from './control-socket.ts';

/** The plant's traffic, recorded: for tests that need no device and no permission. */
export const BENCH_CAPTURE = join(ROOT, 'hil-tests/captures/bench.pcap');

/** What tests read of the agent's status; the agent's own file has the whole shape. */
export interface BenchStatus {
  readonly agentId?: string;
  readonly isCapturing: boolean;
  readonly workerRestarts: number;
  readonly traffic: { readonly frames: number; readonly modbusTransactions: number };
  readonly observations: number;
  readonly residentBytes: number;
  readonly buffer: {
    readonly fault?: { readonly code: string };
    readonly quarantinedPath?: string;
  };
  readonly uplink?: {
    readonly isConnected: boolean;
    readonly outboxMessages: number;
    readonly summariesSigned: number;
    readonly receiptsApplied: number;
    readonly fault?: { readonly code: string };
  };
}

export interface SiteOptions {
  /** What `capture:` holds; the recorded plant unless given. */
  readonly capture?: string;
  /** `site.sharing`; the program's default unless given. */
  readonly sharing?: string;
  /** Further keys of `diagnostics:`. */
  readonly diagnostics?: string;
  /** Folder of agent.db; the site's own unless given. */
  readonly bufferFolder?: string;
}

export class BenchSite {
  readonly directory = mkdtempSync(join(tmpdir(), 'ft-site-'));
  readonly agentConfig = join(this.directory, 'fieldtap.yaml');
  readonly hubConfig = join(this.directory, 'hub.yaml');
  readonly socketPath = join(this.directory, 'agent.sock');
  readonly hubDatabase = join(this.directory, 'hub.db');
  readonly agentDatabase: string;
  readonly #started: BenchProcess[] = [];
  #broker: BenchProcess | undefined;
  #hub: BenchProcess | undefined;

  private constructor(options: SiteOptions) {
    this.agentDatabase = join(options.bufferFolder ?? this.directory, 'agent.db');
  }

  /** A broker that runs, and both configurations; nothing else is started. */
  static async withBroker(options: SiteOptions = {}): Promise<BenchSite> {
    const site = new BenchSite(options);
    site.#broker = site.keep(startDevice('mqtt-broker.ts', []));
    const facts = await site.#broker.ready();
    site.#writeAgentConfig(Number(facts.agentPort), options);
    site.#writeHubConfig(Number(facts.hubPort));
    return site;
  }

  /** Enrolled, but nothing listens where its broker should be. */
  static async withDeadBroker(options: SiteOptions = {}): Promise<BenchSite> {
    const site = new BenchSite(options);
    const UNUSED_PORT = 1;
    site.#writeAgentConfig(UNUSED_PORT, options);
    await site.makeAgentKey();
    // No receipt will come, so any key will do for the hub's.
    const facts = readFileSync(join(site.#credentials, 'agent.json'), 'utf8');
    const hubFacts = facts.replace('agentId', 'hubId');
    writeFileSync(join(site.#credentials, 'receipt-key.json'), hubFacts);
    return site;
  }

  #writeAgentConfig(brokerPort: number, { capture, diagnostics, sharing }: SiteOptions): void {
    writeFileSync(
      this.agentConfig,
      `site: { name: Bench waterworks, sector: water${sharing ? `, sharing: ${sharing}` : ''} }
capture: { ${capture ?? `file: ${JSON.stringify(BENCH_CAPTURE)}`} }
buffer: { path: ${JSON.stringify(this.agentDatabase)}, quotaMiB: 64 }
uplink:
  broker: "mqtt://127.0.0.1:${brokerPort}"
  summaryIntervalMs: 1000
  credentials: enrolment
diagnostics:
  socket: agent.sock
  ${diagnostics ?? ''}
`,
    );
  }

  get #credentials(): string {
    return join(this.directory, 'enrolment');
  }

  get #agents(): string {
    return join(this.directory, 'agents');
  }

  get #hubKeys(): string {
    return join(this.directory, 'hub-keys');
  }

  /** Kept to be ended with the site. */
  keep(process: BenchProcess): BenchProcess {
    this.#started.push(process);
    return process;
  }

  /** The agent's first start makes its key, and ends for want of the hub's. */
  async makeAgentKey(): Promise<string> {
    await fieldtap(['run', '--config', this.agentConfig]);
    return String(JSON.parse(readFileSync(join(this.#credentials, 'agent.json'), 'utf8')).agentId);
  }

  /** The hub gets to know the agent. */
  registerAgent(agentId: string): void {
    mkdirSync(this.#agents, { recursive: true });
    copyFileSync(join(this.#credentials, 'agent.json'), join(this.#agents, `${agentId}.json`));
  }

  /** The hub's first start makes its receipt key, which the agent gets to know. */
  async takeReceiptKey(): Promise<void> {
    const published = join(this.#hubKeys, 'receipt-key.json');
    await eventually(() => {
      try {
        copyFileSync(published, join(this.#credentials, 'receipt-key.json'));
        return true;
      } catch {
        return undefined;
      }
    }, published);
  }

  /** Enrolled and with its hub running; the agent is not started. */
  static async enrolled(options: SiteOptions = {}): Promise<BenchSite> {
    const site = await BenchSite.withBroker(options);
    try {
      site.registerAgent(await site.makeAgentKey());
      site.startHub();
      await site.takeReceiptKey();
      return site;
    } catch (error) {
      await site.close();
      throw error;
    }
  }

  startAgent(
    before: readonly string[] = [],
    env: Readonly<Record<string, string>> = {},
  ): BenchProcess {
    return this.keep(startFieldtap(['run', '--config', this.agentConfig], { before, env }));
  }

  startHub(): BenchProcess {
    mkdirSync(this.#agents, { recursive: true });
    this.#hub = this.keep(startHub(['run', '--config', this.hubConfig]));
    return this.#hub;
  }

  /** Takes `cut` and `restore` for the agent's way to it. */
  get broker(): BenchProcess {
    if (this.#broker === undefined) throw new Error('this site has no broker');
    return this.#broker;
  }

  /** The hub that was started last. */
  get hub(): BenchProcess {
    if (this.#hub === undefined) throw new Error('no hub was started');
    return this.#hub;
  }

  /** Undefined while no agent answers. */
  async status(): Promise<BenchStatus | undefined> {
    const text = await askAgent(this.socketPath, '/v1/status');
    return text === undefined ? undefined : JSON.parse(text);
  }

  /** Waits until the status says so; a failure tells the last one. */
  async until(
    isSo: (status: BenchStatus) => boolean,
    what: string,
    patienceMs?: number,
  ): Promise<BenchStatus> {
    let last: BenchStatus | undefined;
    const ask = async (): Promise<BenchStatus | undefined> => {
      last = await this.status();
      return last !== undefined && isSo(last) ? last : undefined;
    };
    return eventually(ask, what, patienceMs).catch((error) => {
      const tails = this.#started.map((each) => each.stderr.slice(-800)).join('\n');
      throw new Error(`${error.message}; last status ${JSON.stringify(last)}\n${tails}`);
    });
  }

  async close(): Promise<void> {
    await Promise.all(this.#started.map((each) => each.stop()));
    rmSync(this.directory, { recursive: true, force: true });
  }

  #writeHubConfig(brokerPort: number): void {
    writeFileSync(
      this.hubConfig,
      `broker: { url: "mqtt://127.0.0.1:${brokerPort}" }
database: { path: hub.db }
keys: hub-keys
agents: agents
`,
    );
  }
}
