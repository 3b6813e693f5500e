/**
 * The other end of the world: mosquitto with mutual TLS and one access list by certificate name,
 * and the hub, in a namespace behind a link that can be cut (the hub's end goes down) and slowed
 * (tc tbf, both directions).
 */
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type BenchProcess, eventually } from '../bench-process.ts';
import type { UplinkPort } from './bench.ts';
import { type Enrolled, enrol } from './enrolment.ts';
import type { NamespaceHost } from './host.ts';
import { CertificateAuthority, type KeyPair } from './pki.ts';
import { hubWords } from './program.ts';
import { ipIn, type VirtualNetwork } from './virtual-network.ts';

const HUB_ADDRESS = '10.88.0.1';
const SENSOR_ADDRESS = '10.88.0.2';
const BROKER_PORT = 8883;
const PORT = 'wan0';
/** Each agent writes and reads below its own name only (hub/README.md). */
const ACCESS_LIST = `user hub
topic read ft/v1/+/up/#
topic write ft/v1/+/dn/#
topic write ft/v1/adv/#

pattern write ft/v1/%u/up/#
pattern read ft/v1/%u/dn/#
pattern read ft/v1/adv/#
`;

export class VirtualUplink implements UplinkPort {
  readonly broker = `mqtts://${HUB_ADDRESS}:${BROKER_PORT}`;
  readonly host: NamespaceHost;
  readonly authority: CertificateAuthority;
  readonly #sensorHost: NamespaceHost;
  readonly #folder: string;
  #brokerProcess: BenchProcess | undefined;
  #hubProcess: BenchProcess | undefined;

  private constructor(
    host: NamespaceHost,
    sensorHost: NamespaceHost,
    authority: CertificateAuthority,
    folder: string,
  ) {
    this.host = host;
    this.authority = authority;
    this.#sensorHost = sensorHost;
    this.#folder = folder;
  }

  /** `isLong`: certificates that also hold when a test moves a clock by years. */
  static async make(
    network: VirtualNetwork,
    sensorHost: NamespaceHost,
    folder: string,
    isLong: boolean,
  ): Promise<VirtualUplink> {
    const host = await network.addHost('hub', HUB_ADDRESS);
    const here = { namespace: host.namespace, port: PORT };
    const there = { namespace: sensorHost.namespace, port: PORT };
    await network.addCable(here, there);
    await ipIn(here.namespace, 'addr', 'add', `${HUB_ADDRESS}/24`, 'dev', PORT);
    await ipIn(there.namespace, 'addr', 'add', `${SENSOR_ADDRESS}/24`, 'dev', PORT);
    await ipIn(here.namespace, 'link', 'set', PORT, 'up');
    await ipIn(there.namespace, 'link', 'set', PORT, 'up');
    mkdirSync(folder, { recursive: true });
    const authority = await CertificateAuthority.make(join(folder, 'pki'), isLong);
    const uplink = new VirtualUplink(host, sensorHost, authority, folder);
    const server = await authority.issue('broker', HUB_ADDRESS, { ipAddress: HUB_ADDRESS });
    const client = await authority.issue('hub', 'hub');
    uplink.#configure(server, client);
    return uplink;
  }

  get hubDatabase(): string {
    return join(this.#folder, 'hub.db');
  }

  get hubConfig(): string {
    return join(this.#folder, 'hub.yaml');
  }

  /** Starts broker and hub; returns when the hub has made its receipt key and listens. */
  async start(): Promise<void> {
    await this.startBroker();
    await this.startHub();
    const receiptKey = join(this.#folder, 'keys', 'receipt-key.json');
    await eventually(() => (existsSync(receiptKey) ? true : undefined), "the hub's receipt key");
  }

  async startBroker(configuration = join(this.#folder, 'mosquitto.conf')): Promise<void> {
    const words = ['mosquitto', '-c', configuration, '-v'];
    this.#brokerProcess = this.host.start(words);
    await this.#brokerProcess.until(
      ({ stdout, stderr }) => (/listen socket/.test(stdout + stderr) ? true : undefined),
      'listening',
    );
  }

  async startHub(): Promise<void> {
    this.#hubProcess = this.host.start(hubWords('run', '--config', this.hubConfig));
    await this.#hubProcess.until(
      ({ stdout, stderr }) => (/HUB_LINK_UP/.test(stdout + stderr) ? true : undefined),
      'its link to the broker',
    );
  }

  /** Ends the broker, and starts it with what `edit` makes of its first configuration. */
  async restartBroker(edit: (configuration: string) => string): Promise<void> {
    await this.killBroker();
    const first = join(this.#folder, 'mosquitto.conf');
    const edited = join(this.#folder, 'mosquitto-edited.conf');
    writeFileSync(edited, edit(readFileSync(first, 'utf8')));
    await this.startBroker(edited);
  }

  async killBroker(): Promise<void> {
    this.#brokerProcess?.signal('SIGKILL');
    await this.#brokerProcess?.ended();
  }

  async killHub(): Promise<void> {
    this.#hubProcess?.signal('SIGKILL');
    await this.#hubProcess?.ended();
  }

  enrol(credentials: string): Promise<Enrolled> {
    const receiptKey = join(this.#folder, 'keys', 'receipt-key.json');
    return enrol(this.authority, credentials, join(this.#folder, 'agents'), receiptKey);
  }

  /** The hub takes nothing of this agent any more; the broker isn't told. */
  async revokeAtTheHub(agentId: string): Promise<void> {
    await this.host.run(...hubWords('revoke', agentId, '--config', this.hubConfig));
  }

  async set(state: 'up' | 'down'): Promise<void> {
    await ipIn(this.host.namespace, 'link', 'set', PORT, state);
  }

  async shape(bitsPerSecond: number): Promise<void> {
    for (const host of [this.host, this.#sensorHost]) {
      if (bitsPerSecond === 0) {
        await host.run('sh', '-c', `tc qdisc del dev ${PORT} root 2>/dev/null || true`);
        continue;
      }
      // A modem's buffer: one frame at a time, and some seconds of queue.
      const limits = ['rate', `${bitsPerSecond}bit`, 'burst', '1600', 'limit', '16000'];
      await host.run('tc', 'qdisc', 'replace', 'dev', PORT, 'root', 'tbf', ...limits);
    }
  }

  async stop(): Promise<void> {
    await this.#hubProcess?.stop();
    await this.#brokerProcess?.stop();
  }

  #configure(server: KeyPair, client: KeyPair): void {
    const path = (file: string): string => join(this.#folder, file);
    writeFileSync(path('access-list'), ACCESS_LIST);
    // mosquitto refuses an access list that others may write.
    chmodSync(path('access-list'), 0o600);
    writeFileSync(
      path('mosquitto.conf'),
      `listener ${BROKER_PORT} ${HUB_ADDRESS}
cafile ${this.authority.certificate}
certfile ${server.certificate}
keyfile ${server.key}
require_certificate true
use_identity_as_username true
acl_file ${path('access-list')}
persistence false
user root
`,
    );
    writeFileSync(
      path('hub.yaml'),
      `broker:
  url: ${this.broker}
  ca: ${this.authority.certificate}
  certificate: ${client.certificate}
  key: ${client.key}
database: { path: hub.db }
keys: keys
agents: agents
`,
    );
  }
}
