/**
 * One gateway: the real buffer and the real uplink on a simulated disk, clock and link. It reports
 * like a plant would make it, crashes, starts again, and has its disk put back to an older copy.
 */
import { rmSync, truncateSync, writeFileSync } from 'node:fs';
import Sqlite from 'better-sqlite3';
import { SiteDigest } from '../../agent/platform/digest.ts';
import type { Log } from '../../agent/platform/log.ts';
import { PROFILES, type ProfileName } from '../../agent/uplink/profiles.ts';
import { Uplink } from '../../agent/uplink/uplink.ts';
import { SignedMark } from '../../buffer/signed-mark.ts';
import { SiteBuffer } from '../../buffer/site-buffer.ts';
import { type Signer, verificationKey } from '../../protocols/uplink/signature.ts';
import { parseTopic } from '../../protocols/uplink/topics.ts';
import { describeMessage } from './describe.ts';
import { Disk, type DiskImage, type Ending } from './disk.ts';
import { AGENT_KEY, HUB_KEY } from './keys.ts';
import type { Ledger } from './ledger.ts';
import { Life } from './life.ts';
import type { Network } from './network.ts';
import { observeBuffer, sha256Hex } from './observed-buffer.ts';
import type { Plant } from './planted-bugs.ts';
import { makeDetection, makeReport } from './reports.ts';
import { BEGIN_MS, type World } from './world.ts';

const DATABASE = 'buffer.db';
const MARK = 'buffer.db.signed';
/** More are there to fill the disk: each report has them all. */
const CONVERSATIONS_FEW = 16;
const BALLAST_BYTES = 8 * 1024 * 1024;

export interface GatewaySettings {
  readonly quotaMiB: number;
  /** Of the quota, taken by something else. */
  readonly fillerBytes: number;
  readonly profile: ProfileName;
  readonly sharing: 'minimal' | 'full';
  readonly reportIntervalMs: number;
  readonly summaryIntervalMs: number;
  readonly conversationsMax: number;
  /** Of a report to have a detection. */
  readonly detections: number;
}

interface Running {
  readonly life: Life;
  readonly buffer: SiteBuffer;
  readonly uplink: Uplink;
  readonly folder: string;
}

interface Backup {
  readonly image: DiskImage;
  readonly order: number;
  readonly epoch: number;
}

export class Gateway {
  readonly #world: World;
  readonly #settings: GatewaySettings;
  readonly #network: Network;
  readonly #ledger: Ledger;
  readonly #plant: Plant;
  readonly #disk = new Disk(DATABASE, [MARK]);
  readonly #backups: Backup[] = [];
  #running: Running | undefined;
  #reports = 0;
  #cases = 0;
  /** Of the wall clock against the true time. */
  wallOffsetMs = 0;

  constructor(
    world: World,
    settings: GatewaySettings,
    around: { readonly network: Network; readonly ledger: Ledger; readonly plant: Plant },
  ) {
    this.#world = world;
    this.#settings = settings;
    this.#network = around.network;
    this.#ledger = around.ledger;
    this.#plant = around.plant;
  }

  get isRunning(): boolean {
    return this.#running !== undefined;
  }

  get buffer(): SiteBuffer | undefined {
    return this.#running?.buffer;
  }

  get databasePath(): string {
    return this.#disk.path(DATABASE);
  }

  start(): void {
    if (this.#running !== undefined) return;
    const world = this.#world;
    const life = new Life(world);
    const clock = life.clock(() => this.wallOffsetMs);
    const random = life.chance();
    const { quotaMiB, profile, sharing, summaryIntervalMs } = this.#settings;
    const path = this.databasePath;
    // Grown already, and empty: it would be written anew in each life.
    writeFileSync(`${path}.ballast`, '');
    truncateSync(`${path}.ballast`, BALLAST_BYTES);
    const opened = SiteBuffer.open({ path, quotaMiB, clock, random, bytesWritten: () => 0 });
    if (this.#reports === 0) fill(path, this.#settings.fillerBytes);
    const buffer = observeBuffer(opened, this.#ledger, life, this.#plant.buffer(this));
    const { algorithm, publicKey, signerId: hubId } = HUB_KEY.signer;
    const hubKey = verificationKey(algorithm, publicKey);
    const { isSparing, window } = PROFILES[profile];
    const uplink = new Uplink({
      buffer,
      signer: passing(AGENT_KEY.signer, life),
      receiptKeys: ({ signerId }) => (signerId === hubId ? hubKey : undefined),
      link: this.#plant.link(this.#observedLink(life), this),
      clock,
      random,
      log: tellingLog(world, 'agent', life),
      digest: new SiteDigest(new Uint8Array(16).fill(7)),
      residentBytes: () => 1,
      settings: {
        broker: 'mqtts://hub.invalid:8883',
        siteName: 'Waterworks North',
        sharing,
        programVersion: '0.1.0',
        summaryIntervalMs,
        isSparing,
        window,
      },
    });
    this.#running = { life, buffer, uplink, folder: this.#disk.folder };
    world.tell(`agent: starts, epoch ${String(opened.statistics()?.epoch)}`);
    uplink.start();
    this.#plant.started(this);
    this.#scheduleReport(life);
  }

  /** Ends in order; answers once it has. */
  async stop(): Promise<void> {
    const running = this.#running;
    if (running === undefined || running.life.isArmed) return;
    this.#world.tell('agent: stops');
    const stopping = running.uplink.stop();
    let isStopped = false;
    void stopping.then(() => {
      isStopped = true;
    });
    for (let waited = 0; waited < 100 && !isStopped; waited++) {
      await this.#world.settle();
      if (!isStopped) await this.#world.step(this.#world.nowMs + 100);
    }
    if (this.#running !== running) return;
    running.buffer.close();
    running.life.end();
    this.#running = undefined;
  }

  /** At one of the next calls to the outside world. */
  crashSoon(ending: Ending, whenDown: () => void): void {
    const running = this.#running;
    if (running === undefined || running.life.isArmed) return;
    const { life } = running;
    let before: DiskImage = new Map();
    life.arm(
      this.#world.random.below(60),
      () => {
        before = this.#disk.image();
      },
      () => {
        const after = this.#disk.image();
        const left = this.#plant.leftBy(
          this.#disk.leftBy(ending, before, after, this.#world.random),
        );
        this.#world.tell(`agent: ${ending} at call ${life.calls}, whole ${left.isWhole}`);
        this.#ledger.crashed(life, left.isWhole);
        this.#down(running, left.image);
        whenDown();
      },
    );
  }

  /** A copy of the disk, as a backup program would take it. */
  backUp(): void {
    const statistics = this.#running?.buffer.statistics();
    if (statistics === undefined) return;
    this.#world.tell('agent: its disk is copied');
    const { epoch } = statistics;
    this.#backups.push({ image: this.#disk.image(), order: this.#ledger.order, epoch });
  }

  /** The database of an earlier copy; what lies beside it stays. Needs a gateway that is down. */
  restoreDatabase(): void {
    if (this.#running !== undefined) return;
    const { mark } = new SignedMarkFile(this.#disk.path(MARK));
    const fitting = this.#backups.filter(({ epoch }) => epoch === mark?.epoch);
    if (mark === undefined || fitting.length === 0) return;
    const { image, order } = this.#world.random.pick(fitting);
    const now = this.#disk.image().get(MARK);
    if (now === undefined) return;
    this.#world.tell('agent: its database is an older copy now');
    this.#ledger.restored(order);
    this.#disk.install(new Map([...image, [MARK, now]]));
  }

  /** What is on the disk now; for planted bugs. */
  diskImage(): DiskImage {
    return this.#disk.image();
  }

  stepClock(offsetMs: number): void {
    this.#world.tell(`agent: its clock is off by ${offsetMs} ms`);
    this.wallOffsetMs = offsetMs;
  }

  /** Reports now, beside its turn. */
  report(): void {
    const running = this.#running;
    if (running === undefined) return;
    const { random } = this.#world;
    const { reportIntervalMs, conversationsMax, detections } = this.#settings;
    const toUs = (BEGIN_MS + Math.round(this.#world.nowMs)) * 1000;
    const isCrowded = conversationsMax > CONVERSATIONS_FEW;
    const isAlarming = this.#world.chance(detections);
    const id = (++this.#cases).toString(16).padStart(16, '0');
    const report = makeReport(
      {
        reportNumber: ++this.#reports,
        fromUs: toUs - reportIntervalMs * 1000,
        toUs,
        conversations: isCrowded ? conversationsMax : random.below(conversationsMax + 1),
        observations: random.below(4),
        detections: isAlarming ? [makeDetection(id, toUs, random)] : [],
      },
      random,
    );
    running.buffer.recordReport(report);
    running.uplink.report(report);
  }

  /** Some case of this run, for a request of the hub. */
  anyDetectionId(): string {
    return (1 + this.#world.random.below(Math.max(1, this.#cases))).toString(16).padStart(16, '0');
  }

  remove(): void {
    const running = this.#running;
    running?.life.end();
    running?.buffer.close();
    this.#running = undefined;
    this.#disk.remove();
  }

  #observedLink(life: Life): ReturnType<Network['agentLink']> {
    const link = this.#network.agentLink(life);
    return {
      ...link,
      publish: (topic, bytes, done) => {
        const sha256 = sha256Hex(bytes);
        if (life.isAlive && !isStatus(topic)) {
          this.#ledger.publish(sha256);
          this.#world.tell(`agent: publishes ${topic.slice(-1)} ${sha256.slice(0, 12)}`);
          this.#world.explain(() => describeMessage(bytes));
        }
        link.publish(topic, bytes, done);
      },
    };
  }

  #scheduleReport(life: Life): void {
    this.#world.after(this.#settings.reportIntervalMs, () => {
      if (!life.isAlive) return;
      this.#scheduleReport(life);
      this.report();
    });
  }

  /** The dead process is taken down beside the world: its folder is nobody's any more. */
  #down(running: Running, image: DiskImage): void {
    this.#running = undefined;
    this.#network.dropAgent();
    this.#disk.install(image);
    setImmediate(() => {
      running.buffer.close();
      rmSync(running.folder, { recursive: true, force: true });
    });
  }
}

/** A birth: unsigned, and no message of the chain. */
function isStatus(topic: string): boolean {
  return parseTopic(topic)?.kind === 'status';
}

/** Takes room of the quota, so that few messages reach it. */
function fill(path: string, bytes: number): void {
  if (bytes === 0) return;
  const database = new Sqlite(path);
  database.exec('CREATE TABLE IF NOT EXISTS simulated_filler (body BLOB)');
  database.prepare('DELETE FROM simulated_filler').run();
  database.prepare('INSERT INTO simulated_filler VALUES (zeroblob(?))').run(bytes);
  database.close();
}

/** The mark of a gateway that is down. */
class SignedMarkFile {
  readonly mark: SignedMark['mark'];

  constructor(path: string) {
    const file = new SignedMark(path);
    this.mark = file.mark;
    file.close();
  }
}

/** Signing is a call to the outside too: it happens inside a transaction. */
function passing(signer: Signer, life: Life): Signer {
  return {
    ...signer,
    sign: (bytes) => {
      life.pass();
      return signer.sign(bytes);
    },
  };
}

export function tellingLog(world: World, who: string, life: Life): Log {
  const tell =
    (level: string) =>
    (fields: Readonly<Record<string, unknown>>, message: string): void => {
      if (!life.isAlive) return;
      life.pass();
      if (life.isAlive) world.tell(`${who}: ${level} ${message} ${String(fields.code ?? '')}`);
    };
  const quiet = (): void => {};
  return { debug: quiet, info: quiet, warn: tell('warns'), error: tell('fails') };
}
