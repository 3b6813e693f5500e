/**
 * The demo's little plant, as separate processes on loopback: a Modbus server with two units and
 * its clients, an OPC UA server and its clients, an MQTT broker, the hub, and the agent itself.
 * Everything is made in one folder and ended with the demo.
 */
import { copyFileSync, existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { OperatorFault } from '../platform/operator-fault.ts';
import { AGENT_FACTS_FILE, openAgentIdentity, RECEIPT_KEY_FILE } from '../uplink/credentials.ts';
import { DemoProcess } from './demo-process.ts';

const ROOT = join(import.meta.dirname, '../..');
const DEVICES = join(ROOT, 'hil-tests/devices');
/** Kept in the tree: recorded from this very plant, for machines where capture isn't allowed. */
const RECORDED_CAPTURE = join(ROOT, 'hil-tests/captures/bench.pcap');

const SUMMARY_INTERVAL_MS = 2000;
/** Hub and agent must have started in this time. */
const START_MS = 30_000;

export interface DemoFolders {
  /** agent.db and hub.db. */
  readonly databases: string;
  /** Keys, configurations, sockets; removed at the end. */
  readonly work: string;
}

export type CaptureSource = 'live' | 'file';

export class DemoPlant {
  readonly captureSource: CaptureSource;
  readonly agentConfig: string;
  readonly hubConfig: string;
  readonly socketPath: string;
  readonly agentId: string;
  readonly #folders: DemoFolders;
  readonly #broker: DemoProcess;
  readonly #hub: DemoProcess;
  readonly #agent: DemoProcess;
  readonly #devices: DemoProcess[];
  readonly #ports: { readonly modbus: number; readonly opcua: number };
  #isLinkCut = false;

  private constructor(parts: PlantParts) {
    this.captureSource = parts.captureSource;
    this.agentConfig = parts.agentConfig;
    this.hubConfig = parts.hubConfig;
    this.socketPath = socketPathOf(parts.folders);
    this.agentId = parts.agentId;
    this.#folders = parts.folders;
    this.#broker = parts.broker;
    this.#hub = parts.hub;
    this.#agent = parts.agent;
    this.#devices = parts.devices;
    this.#ports = parts.ports;
  }

  /** Starts all of it; what was already started is ended again when something fails. */
  static async start(
    folders: DemoFolders,
    captureSource: CaptureSource,
    say: (line: string) => void,
  ): Promise<DemoPlant> {
    const started: DemoProcess[] = [];
    try {
      return await startParts(folders, captureSource, say, started).then(
        (parts) => new DemoPlant(parts),
      );
    } catch (error) {
      await Promise.all(started.map((each) => each.stop()));
      throw error;
    }
  }

  get isLinkCut(): boolean {
    return this.#isLinkCut;
  }

  cutLink(): void {
    this.#isLinkCut = true;
    this.#broker.tell('cut');
  }

  restoreLink(): void {
    this.#isLinkCut = false;
    this.#broker.tell('restore');
  }

  /** Somebody who guesses a password, and somebody who probes the controller. */
  async letStrangersIn(): Promise<void> {
    const { modbus, opcua } = this.#ports;
    const strangers = [
      device('opcua-client.ts', { role: 'stranger', port: opcua, directory: this.#folders.work }),
      device('modbus-client.ts', { role: 'stranger', port: modbus }),
    ];
    this.#devices.push(...strangers);
    await Promise.allSettled(strangers.map((each) => each.ready()));
  }

  /** Throws OperatorFault when broker, hub or agent has ended by itself. */
  checkAlive(): void {
    const gone = [this.#broker, this.#hub, this.#agent].find((each) => each.hasExited);
    if (gone !== undefined) throw programFault(gone, 'ended by itself');
  }

  async stopDevices(): Promise<void> {
    await Promise.all(this.#devices.map((each) => each.stop()));
  }

  async stopAgent(): Promise<void> {
    await this.#agent.stop();
  }

  async stop(): Promise<void> {
    await this.stopDevices();
    await this.stopAgent();
    await this.#hub.stop();
    await this.#broker.stop();
  }
}

interface PlantParts {
  readonly folders: DemoFolders;
  readonly captureSource: CaptureSource;
  readonly agentConfig: string;
  readonly hubConfig: string;
  readonly agentId: string;
  readonly broker: DemoProcess;
  readonly hub: DemoProcess;
  readonly agent: DemoProcess;
  readonly devices: DemoProcess[];
  readonly ports: { readonly modbus: number; readonly opcua: number };
}

async function startParts(
  folders: DemoFolders,
  captureSource: CaptureSource,
  say: (line: string) => void,
  started: DemoProcess[],
): Promise<PlantParts> {
  const keep = (each: DemoProcess): DemoProcess => {
    started.push(each);
    return each;
  };
  say('starting a broker, a Modbus server and an OPC UA server ...');
  const broker = keep(device('mqtt-broker.ts', {}));
  const modbusServer = keep(device('modbus-server.ts', { units: '1,2' }));
  const opcuaServer = keep(device('opcua-server.ts', { directory: join(folders.work, 'server') }));
  const [brokerFacts, modbusFacts, opcuaFacts] = await Promise.all(
    [broker, modbusServer, opcuaServer].map((each) => each.ready()),
  );
  const ports = { modbus: portOf(modbusFacts.port), opcua: portOf(opcuaFacts.port) };

  say('starting the hub and the agent ...');
  const hubConfig = writeHubConfig(folders, portOf(brokerFacts.hubPort));
  const { agentId, credentials } = enrol(folders);
  const hub = keep(
    DemoProcess.program('hub', join(ROOT, 'hub/main.ts'), ['run', '--config', hubConfig]),
  );
  await takeReceiptKey(folders, credentials, hub);
  const agentConfig = writeAgentConfig(
    folders,
    captureSource,
    portOf(brokerFacts.agentPort),
    ports,
  );
  const agent = keep(
    DemoProcess.program('agent', join(ROOT, 'agent/start.mjs'), ['run', '--config', agentConfig]),
  );
  await waitFor(socketPathOf(folders), agent);

  const devices = [modbusServer, opcuaServer];
  const clients = [
    device('modbus-client.ts', { role: 'hmi', port: ports.modbus, units: '1,2' }),
    device('modbus-client.ts', { role: 'historian', port: ports.modbus, units: '1' }),
    device('opcua-client.ts', { role: 'hmi', port: ports.opcua, directory: folders.work }),
    device('opcua-client.ts', { role: 'reader', port: ports.opcua, directory: folders.work }),
  ];
  devices.push(...clients.map(keep));
  await Promise.all(clients.map((each) => each.ready()));
  return {
    folders,
    captureSource,
    agentConfig,
    hubConfig,
    agentId,
    broker,
    hub,
    agent,
    devices,
    ports,
  };
}

function device(file: string, words: Readonly<Record<string, string | number>>): DemoProcess {
  const flags = Object.entries(words).flatMap(([name, value]) => [`--${name}`, String(value)]);
  return DemoProcess.device(join(DEVICES, file), flags);
}

function portOf(value: unknown): number {
  if (typeof value === 'number') return value;
  throw new Error(`a device told no port: ${JSON.stringify(value)}`);
}

function socketPathOf(folders: DemoFolders): string {
  return join(folders.work, 'agent.sock');
}

/** Enrolment by hand: the agent's key, and its public half in the hub's folder of agents. */
function enrol(folders: DemoFolders): { agentId: string; credentials: string } {
  const credentials = join(folders.work, 'enrolment');
  const { agentId } = openAgentIdentity(credentials);
  const agents = join(folders.work, 'agents');
  mkdirSync(agents, { recursive: true });
  copyFileSync(join(credentials, AGENT_FACTS_FILE), join(agents, `${agentId}.json`));
  return { agentId, credentials };
}

function writeHubConfig(folders: DemoFolders, brokerPort: number): string {
  const path = join(folders.work, 'hub.yaml');
  writeFileSync(
    path,
    `broker: { url: "mqtt://127.0.0.1:${brokerPort}" }
database: { path: ${JSON.stringify(join(folders.databases, 'hub.db'))} }
keys: ${JSON.stringify(join(folders.work, 'hub-keys'))}
agents: ${JSON.stringify(join(folders.work, 'agents'))}
`,
  );
  return path;
}

function writeAgentConfig(
  folders: DemoFolders,
  captureSource: CaptureSource,
  brokerPort: number,
  ports: { readonly modbus: number; readonly opcua: number },
): string {
  const path = join(folders.work, 'fieldtap.yaml');
  const capture =
    captureSource === 'live'
      ? 'interfaces: [{ name: lo, role: host }]'
      : `file: ${JSON.stringify(RECORDED_CAPTURE)}`;
  const decode =
    captureSource === 'live'
      ? `decode: { modbusPorts: [${ports.modbus}], opcuaPorts: [${ports.opcua}] }`
      : '';
  writeFileSync(
    path,
    `site: { name: Demo waterworks, sector: water }
capture: { ${capture} }
${decode}
buffer: { path: ${JSON.stringify(join(folders.databases, 'agent.db'))}, quotaMiB: 64 }
uplink:
  broker: "mqtt://127.0.0.1:${brokerPort}"
  summaryIntervalMs: ${SUMMARY_INTERVAL_MS}
  credentials: ${JSON.stringify(join(folders.work, 'enrolment'))}
diagnostics: { socket: ${JSON.stringify(socketPathOf(folders))}, logLevel: warn }
`,
  );
  return path;
}

/** The hub makes its receipt key at its first start; the agent must know the public half. */
async function takeReceiptKey(
  folders: DemoFolders,
  credentials: string,
  hub: DemoProcess,
): Promise<void> {
  const published = join(folders.work, 'hub-keys', RECEIPT_KEY_FILE);
  await waitFor(published, hub);
  copyFileSync(published, join(credentials, RECEIPT_KEY_FILE));
}

async function waitFor(path: string, by: DemoProcess): Promise<void> {
  for (let waitedMs = 0; !existsSync(path); waitedMs += 50) {
    if (by.hasExited || waitedMs > START_MS) throw programFault(by, 'did not start');
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

function programFault(by: DemoProcess, what: string): OperatorFault {
  return new OperatorFault({
    code: 'DEMO_PROGRAM_FAILED',
    problem: `The demo's ${by.name} ${what}.\n${by.errorText.trim()}\n`,
    remedy: 'Mend what these lines name and run the demo again.',
  });
}
