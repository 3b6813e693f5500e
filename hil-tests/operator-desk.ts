/**
 * Hub and gateways as an operator sets them up, by commands and their files alone: one folder, one
 * mosquitto with mutual TLS, and everything that was started ends with the desk.
 */
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  type BenchProcess,
  type Ended,
  eventually,
  fieldtap,
  startFieldtap,
  startHub,
} from './bench-process.ts';
import { BENCH_CAPTURE } from './bench-site.ts';
import { freePort, startTlsBroker } from './tls-broker.ts';

/** One gateway's files. */
export interface Gateway {
  readonly config: string;
  readonly credentials: string;
  /** What it asks of the hub. */
  readonly request: string;
}

/** A line of `fieldtap-hub agents`. */
export interface AgentLine {
  readonly agentId: string;
  readonly isRevoked: boolean;
  readonly replaces?: string;
  readonly keyNumbers: readonly number[];
  readonly messages: number;
}

export class OperatorDesk {
  readonly folder = mkdtempSync(join(tmpdir(), 'ft-desk-'));
  /** Of the broker, whether it runs or not. */
  readonly port: number;
  readonly #started: BenchProcess[] = [];
  #archives = 0;

  private constructor(port: number) {
    this.port = port;
  }

  /** The hub's configuration, and the certificates of broker and hub; nothing runs. */
  static async open({ certificateDays = 365 } = {}): Promise<OperatorDesk> {
    const desk = new OperatorDesk(await freePort());
    desk.configureHub(certificateDays);
    const names = ['--broker-certificate', '127.0.0.1', '--hub-certificate', 'hub'];
    await good(desk.hub('enroll', ...names, '--out', desk.path('tls')));
    return desk;
  }

  path(...names: string[]): string {
    return join(this.folder, ...names);
  }

  get #url(): string {
    return `mqtts://127.0.0.1:${this.port}`;
  }

  configureHub(certificateDays: number): void {
    writeFileSync(
      this.path('hub.yaml'),
      `broker:
  url: "${this.#url}"
  ca: tls/ca.pem
  certificate: tls/hub.pem
  key: tls/hub-key.pem
database: { path: hub.db }
keys: keys
agents: agents
certificateDays: ${certificateDays}
`,
    );
  }

  /** A folder with a configuration; enrolled by whoever tests that. */
  gateway(name: string, siteName: string): Gateway {
    mkdirSync(this.path(name));
    const config = this.path(name, 'fieldtap.yaml');
    writeFileSync(
      config,
      `site: { name: ${siteName}, sector: water }
capture: { file: ${JSON.stringify(BENCH_CAPTURE)} }
buffer: { path: agent.db, quotaMiB: 64 }
uplink: { broker: "${this.#url}", summaryIntervalMs: 1000, credentials: enrolment }
diagnostics: { socket: agent.sock }
`,
    );
    const request = this.path(name, 'request.json');
    return { config, credentials: this.path(name, 'enrolment'), request };
  }

  /** Runs `fieldtap-hub WORDS` to its end. */
  hub(...words: string[]): Promise<Ended> {
    return this.#keep(startHub([...words, '--config', this.path('hub.yaml')])).ended();
  }

  startHub(): BenchProcess {
    return this.#keep(startHub(['run', '--config', this.path('hub.yaml')]));
  }

  startAgent({ config }: Gateway): BenchProcess {
    return this.#keep(startFieldtap(['run', '--config', config]));
  }

  async startBroker(): Promise<BenchProcess> {
    const files = { tls: this.path('tls'), revocationList: this.path('keys', 'ca.crl') };
    return this.#keep((await startTlsBroker({ ...files, port: this.port })).process);
  }

  async agents(): Promise<readonly AgentLine[]> {
    const { stdout } = await this.hub('agents', '--json');
    return stdout === '' ? [] : JSON.parse(stdout).agents;
  }

  async agentOf(agentId: string): Promise<AgentLine | undefined> {
    return (await this.agents()).find((line) => line.agentId === agentId);
  }

  /** Waits until more messages than `before` have come; how many there are then. */
  moreThan(agentId: string, before: number): Promise<number> {
    return eventually(async () => {
      const messages = (await this.agentOf(agentId))?.messages ?? 0;
      return messages > before ? messages : undefined;
    }, `more than ${before} messages of ${agentId}`);
  }

  /** An archive of all, which anyone can check, has no hole; what is on its way looks like one. */
  async wholeArchive(): Promise<void> {
    let last = '';
    await eventually(async () => {
      const archive = this.path(`all-${++this.#archives}.ftar`);
      await good(this.hub('export', archive));
      const { exitCode, stdout, stderr } = await fieldtap(['verify', archive]);
      last = stdout + stderr;
      return exitCode === 0 ? true : undefined;
    }, 'an archive without a hole').catch((error) => assert.fail(`${error.message}\n${last}`));
  }

  async close(): Promise<void> {
    await Promise.all(this.#started.map((each) => each.stop()));
    rmSync(this.folder, { recursive: true, force: true });
  }

  #keep(process: BenchProcess): BenchProcess {
    this.#started.push(process);
    return process;
  }
}

/** Standard output of a command that must end well. */
export async function good(run: Promise<Ended>): Promise<string> {
  const { exitCode, stdout, stderr } = await run;
  assert.equal(exitCode, 0, stderr);
  return stdout;
}

/** A command that must be refused under this code. */
export async function refused(run: Promise<Ended>, code: string): Promise<void> {
  const { exitCode, stderr } = await run;
  assert.equal(exitCode, 1, stderr);
  assert.match(stderr, new RegExp(`\\[${code}\\]`));
}
