/**
 * The hub: the real worker (verification, batches, receipts, requests, findings) on a simulated
 * disk, clock and link. It crashes before or after a commit, and comes back from a backup.
 */
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import Sqlite, { type Database, type Statement } from 'better-sqlite3';
import { type HubConfig, parseHubConfig } from '../../hub/config.ts';
import { Hub } from '../../hub/hub.ts';
import { sealRequest } from '../../protocols/uplink/open.ts';
import { Disk, type DiskImage, type Ending } from './disk.ts';
import { tellingLog } from './gateway.ts';
import { AGENT_ID, AGENT_KEY, HUB_KEY, HUB_KEY_FILES } from './keys.ts';
import { nameOf, type Place } from './ledger.ts';
import { Life } from './life.ts';
import type { Network } from './network.ts';
import { BEGIN_MS, type World } from './world.ts';

const DATABASE = 'hub.db';
const KEYS = 'keys';
const AGENTS = 'agents';
const MARK = `${KEYS}/hub-mark.json`;
const CALLS_TO_CRASH_MAX = 30;
/** Of the restores. */
const SNAPSHOT_SHARE = 0.4;

interface Running {
  readonly life: Life;
  readonly hub: Hub;
  readonly folder: string;
}

/** A second look at the database of one life. */
interface Reader {
  readonly folder: string;
  readonly database: Database;
  readonly sha256: Statement<number[], Buffer>;
  readonly hubEpoch: Statement<[], number>;
}

/** A row of message_key. */
export interface StoredKey extends Place {
  readonly sha256: Buffer;
}

export class HubHost {
  readonly #world: World;
  readonly #network: Network;
  readonly #disk = new Disk(DATABASE, [MARK]);
  readonly #backups: DiskImage[] = [];
  /** What former lives of the database had committed: `hubEpoch` and name with hash. */
  readonly #committed = new Set<string>();
  #running: Running | undefined;
  #isStarting = false;
  #reader: Reader | undefined;
  #restores = 0;
  wallOffsetMs = 0;

  constructor(world: World, network: Network) {
    this.#world = world;
    this.#network = network;
    this.#furnish();
  }

  get isRunning(): boolean {
    return this.#running !== undefined;
  }

  /** Times that its database was put back. */
  get restores(): number {
    return this.#restores;
  }

  async start(): Promise<void> {
    if (this.#running !== undefined || this.#isStarting) return;
    this.#isStarting = true;
    const world = this.#world;
    const life = new Life(world);
    const clock = life.clock(() => this.wallOffsetMs);
    const log = tellingLog(world, 'hub', life);
    const hub = await Hub.open(this.#config(), {
      clock,
      random: life.chance(),
      log,
      openLink: (parts) => this.#network.hubLink(life, parts),
    });
    this.#running = { life, hub, folder: this.#disk.folder };
    this.#isStarting = false;
    world.tell('hub: starts');
    hub.start();
  }

  crashSoon(ending: Ending, whenDown: () => void): void {
    const running = this.#running;
    if (running === undefined || running.life.isArmed) return;
    const { life } = running;
    let before: DiskImage = new Map();
    life.arm(
      this.#world.random.below(CALLS_TO_CRASH_MAX),
      () => {
        before = this.#disk.image();
      },
      () => {
        const left = this.#disk.leftBy(ending, before, this.#disk.image(), this.#world.random);
        this.#world.tell(`hub: ${ending} at call ${life.calls}, whole ${left.isWhole}`);
        this.#running = undefined;
        this.#network.dropHub();
        this.#install(left.image);
        setImmediate(() => void this.#takeDown(running));
        whenDown();
      },
    );
  }

  backUp(): void {
    this.#world.tell('hub: its disk is copied');
    this.#backups.push(this.#disk.image());
  }

  /**
   * The database of an earlier copy. The mark beside the keys stays, or goes back with it, as in a
   * snapshot of the whole machine: then only the agent can notice. Needs a hub that is down.
   */
  restoreDatabase(): void {
    if (this.#running !== undefined || this.#backups.length === 0) return;
    const isSnapshot = this.#world.chance(SNAPSHOT_SHARE);
    const what = isSnapshot ? 'whole disk' : 'database';
    this.#world.tell(`hub: its ${what} is an older copy now`);
    this.#restores += 1;
    const life = this.hubEpoch();
    for (const key of this.keys()) {
      this.#committed.add(`${life} ${nameOf(key)} ${key.sha256.toString('hex')}`);
    }
    const mark = this.#disk.image().get(MARK);
    const image = new Map(this.#world.random.pick(this.#backups));
    if (!isSnapshot) {
      image.delete(MARK);
      if (mark !== undefined) image.set(MARK, mark);
    }
    this.#install(image);
  }

  stepClock(offsetMs: number): void {
    this.#world.tell(`hub: its clock is off by ${offsetMs} ms`);
    this.wallOffsetMs = offsetMs;
  }

  /** The operator asks for the frames of a case. */
  askEvidence(detectionId: string): void {
    if (this.#running === undefined) return;
    const requestId = Buffer.from(Array.from({ length: 8 }, () => this.#world.random.below(256)));
    const hubTimeMs = Math.round(BEGIN_MS + this.#world.nowMs + this.wallOffsetMs);
    const bytes = sealRequest(HUB_KEY.signer, {
      kind: 'request',
      agentId: AGENT_ID,
      requestSerial: Math.max(1, hubTimeMs),
      hubEpoch: this.hubEpoch(),
      hubTimeMs: Math.max(1, hubTimeMs),
      resend: [],
      evidence: [{ requestId: requestId.toString('hex'), detectionId }],
    });
    this.#world.tell(`hub: asks for the frames of ${detectionId}`);
    this.#network.publishRequest(bytes);
  }

  /** Whether the database held this message in that life of the hub. */
  hasCommitted(hubEpoch: number, place: Place, sha256: string): boolean {
    if (this.#committed.has(`${hubEpoch} ${nameOf(place)} ${sha256}`)) return true;
    return this.hubEpoch() === hubEpoch && this.sha256Of(place) === sha256;
  }

  /** Hex; undefined where nothing is stored there. */
  sha256Of({ epoch, stream, sequence }: Place): string | undefined {
    return this.#look().sha256.get(epoch, stream, sequence)?.toString('hex');
  }

  keys(): StoredKey[] {
    return this.read()
      .prepare<[], StoredKey>(
        'SELECT epoch, stream, sequence, sha256 FROM message_key ORDER BY epoch, stream, sequence',
      )
      .all();
  }

  hubEpoch(): number {
    return Number(this.#look().hubEpoch.get());
  }

  /** The database as it is now. */
  read(): Database {
    return this.#look().database;
  }

  async remove(): Promise<void> {
    this.#reader?.database.close();
    const running = this.#running;
    this.#running = undefined;
    running?.life.end();
    await running?.hub.stop();
    this.#disk.remove();
  }

  #look(): Reader {
    const { folder } = this.#disk;
    if (this.#reader?.folder === folder) return this.#reader;
    this.#reader?.database.close();
    const database = new Sqlite(this.#disk.path(DATABASE));
    const place = 'epoch = ? AND stream = ? AND sequence = ?';
    this.#reader = {
      folder,
      database,
      sha256: database
        .prepare<number[], Buffer>(`SELECT sha256 FROM message_key WHERE ${place}`)
        .pluck(),
      hubEpoch: database
        .prepare<[], number>("SELECT value FROM hub_state WHERE name = 'hubEpoch'")
        .pluck(),
    };
    return this.#reader;
  }

  #config(): HubConfig {
    const result = parseHubConfig(
      JSON.stringify({
        broker: { url: 'mqtts://broker.invalid:8883' },
        database: { path: this.#disk.path(DATABASE) },
        keys: this.#disk.path(KEYS),
        agents: this.#disk.path(AGENTS),
        verifyThreads: 0,
      }),
    );
    if (result.kind === 'config') return result.config;
    throw new Error(JSON.stringify(result.faults));
  }

  #install(image: DiskImage): void {
    this.#disk.install(image);
    this.#furnish();
  }

  /** Keys and the enrolment of the one agent: files that nothing here damages. */
  #furnish(): void {
    mkdirSync(this.#disk.path(KEYS), { recursive: true });
    mkdirSync(this.#disk.path(AGENTS), { recursive: true });
    for (const [name, pem] of HUB_KEY_FILES) {
      writeFileSync(join(this.#disk.path(KEYS), name), pem, { mode: 0o600 });
    }
    const publicKeyHex = Buffer.from(AGENT_KEY.signer.publicKey).toString('hex');
    const facts = { agentId: AGENT_ID, publicKeyHex };
    writeFileSync(join(this.#disk.path(AGENTS), `${AGENT_ID}.json`), JSON.stringify(facts));
  }

  async #takeDown({ hub, folder }: Running): Promise<void> {
    await hub.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}
