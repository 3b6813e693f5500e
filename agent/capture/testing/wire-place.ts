/**
 * A place for live tests: a network namespace of its own with a pair of virtual interfaces, a
 * sender at one end and our capture at the other. Nothing reaches the machine's own network, and
 * deleting the namespace deletes all of it.
 */
import { execFile } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import { Worker } from 'node:worker_threads';
import type {
  CaptureOrder,
  CaptureRecord,
  CaptureWorkerData,
  RecordedFrame,
} from './capture-worker.ts';

/** IEEE 802 local experimental EtherType 1: nobody else speaks it here. */
export const TEST_ETHERTYPE = 0x88b5;
export const IPV4_ETHERTYPE = 0x0800;

/** Debian's own: a shim of a version manager costs 0.1 s a call. */
const PYTHON = '/usr/bin/python3';
/** Generous: a loaded machine takes long to start a sender. */
const PATIENCE_MS = 60_000;
const LOOK_INTERVAL_MS = 20;

/** Sends numbered frames: EtherType 0x88b5 behind an optional tag, then the number, 4 bytes. */
const SENDER = `
import socket, struct, sys
name, tag = sys.argv[1], sys.argv[5]
first, count, size = map(int, sys.argv[2:5])
s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
s.bind((name, 0))
head = bytes.fromhex('020000000002020000000001' + tag + '88b5')
for number in range(first, first + count):
    s.send((head + struct.pack('>I', number)).ljust(size, b'.'))
`;

/** One TCP connection on the loopback for each port, with a message each way. */
const TALKER = `
import socket, sys
for port in map(int, sys.argv[1:]):
    server = socket.create_server(('127.0.0.1', port))
    client = socket.create_connection(('127.0.0.1', port))
    peer, _ = server.accept()
    client.sendall(b'ask'); peer.recv(3); peer.sendall(b'answer'); client.recv(6)
    client.close(); peer.close(); server.close()
`;

const NAMESPACE_PREFIX = 'fieldtap-';
const NAMESPACES_FOLDER = '/run/netns';
const execute = promisify(execFile);
let placesMade = 0;

export class WirePlace {
  readonly namespace: string;
  readonly #workers: CaptureHandle[] = [];

  private constructor(namespace: string) {
    this.namespace = namespace;
  }

  /** A namespace with its loopback up; call `remove` whatever happens. */
  static async make(): Promise<WirePlace> {
    if (placesMade === 0) await removeAbandoned();
    const place = new WirePlace(`${NAMESPACE_PREFIX}${process.pid}-${placesMade++}`);
    await ip('netns', 'add', place.namespace);
    // No neighbour discovery, so that the kernel's counters hold nothing but our own frames.
    const folder = '/proc/sys/net/ipv6/conf';
    const disable = `for each in all default; do echo 1 > ${folder}/$each/disable_ipv6; done`;
    await place.run('sh', '-c', disable);
    await place.ip('link', 'set', 'lo', 'up');
    return place;
  }

  /** Makes the pair and sets both ends up. */
  async addPair(left: string, right: string): Promise<void> {
    await this.ip('link', 'add', left, 'type', 'veth', 'peer', 'name', right);
    await this.ip('link', 'set', left, 'up');
    await this.ip('link', 'set', right, 'up');
  }

  /** `ip` inside of the namespace. */
  async ip(...words: readonly string[]): Promise<void> {
    await ip('-n', this.namespace, ...words);
  }

  /** What the kernel tells of an interface. */
  async facts(interfaceName: string): Promise<{ promiscuity: number; framesSent: number }> {
    const words = ['-n', this.namespace, '-j', '-d', '-s', 'link', 'show', 'dev', interfaceName];
    const [found] = JSON.parse(await ip(...words));
    return { promiscuity: found.promiscuity, framesSent: found.stats64.tx.packets };
  }

  async run(program: string, ...words: readonly string[]): Promise<void> {
    await ip('netns', 'exec', this.namespace, program, ...words);
  }

  /** Sends frames numbered from `first`; `tag` is what stands before the EtherType, in hex. */
  async send(
    interfaceName: string,
    first: number,
    count: number,
    sizeBytes = 60,
    tag = '',
  ): Promise<void> {
    const words = [first, count, sizeBytes].map(String);
    await this.run(PYTHON, '-c', SENDER, interfaceName, ...words, tag);
  }

  async talk(...ports: readonly number[]): Promise<void> {
    await this.run(PYTHON, '-c', TALKER, ...ports.map(String));
  }

  async capture(
    sources: CaptureWorkerData['sources'],
    etherType: number = TEST_ETHERTYPE,
  ): Promise<CaptureHandle> {
    const handle = new CaptureHandle({ namespace: this.namespace, sources, etherType });
    this.#workers.push(handle);
    await handle.opened;
    return handle;
  }

  /** Ends the captures and deletes the namespace with all that is in it. */
  async remove(): Promise<void> {
    for (const worker of this.#workers) await worker.end();
    await ip('netns', 'del', this.namespace);
  }
}

export class CaptureHandle {
  /** Settles when all sources have started, or with the fault of the first that could not. */
  readonly opened: Promise<CaptureRecord>;
  /** Settles with what the worker died of. */
  readonly died: Promise<Error>;
  readonly #worker: Worker;
  readonly #frames: RecordedFrame[] = [];

  constructor(data: CaptureWorkerData) {
    this.#worker = new Worker(new URL('./capture-worker.ts', import.meta.url), {
      workerData: data,
    });
    this.died = new Promise((resolve) => this.#worker.once('error', resolve));
    this.opened = this.#answer();
  }

  /** Gives an order and waits for the record as it is after it. */
  async order(order: CaptureOrder): Promise<CaptureRecord> {
    const answer = this.#answer();
    this.#worker.postMessage(order);
    return answer;
  }

  /** Stops its thread; what is captured meanwhile waits in the ring until the stall is ended. */
  stall(): () => Promise<CaptureRecord> {
    const word = new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT);
    const stalled = this.order({ kind: 'stall', until: word });
    return () => {
      Atomics.store(new Int32Array(word), 0, 1);
      Atomics.notify(new Int32Array(word), 0);
      return stalled;
    };
  }

  /** Reads until the record is as wished; fails with the last one when patience ends. */
  async until(isReached: (record: CaptureRecord) => boolean): Promise<CaptureRecord> {
    const untilMs = performance.now() + PATIENCE_MS;
    for (;;) {
      const record = await this.order({ kind: 'read' });
      if (isReached(record)) return record;
      if (performance.now() > untilMs) {
        const { states, statistics } = record;
        throw new Error(`never reached: ${JSON.stringify({ states, statistics })}`);
      }
      await delay(LOOK_INTERVAL_MS);
    }
  }

  async end(): Promise<void> {
    await this.#worker.terminate();
  }

  #answer(): Promise<CaptureRecord> {
    return new Promise((resolve, reject) => {
      this.#worker.once('message', (record: CaptureRecord) => {
        this.#frames.push(...record.frames);
        resolve({ ...record, frames: this.#frames });
      });
      this.died.then(reject, reject);
    });
  }
}

/** Namespaces of a run that was killed before it could clean up. */
async function removeAbandoned(): Promise<void> {
  const names = existsSync(NAMESPACES_FOLDER) ? readdirSync(NAMESPACES_FOLDER) : [];
  for (const name of names) {
    const owner = /^fieldtap-(\d+)-\d+$/.exec(name)?.[1];
    if (owner !== undefined && !existsSync(`/proc/${owner}`)) await ip('netns', 'del', name);
  }
}

async function ip(...words: readonly string[]): Promise<string> {
  const path = `${process.env.PATH ?? ''}:/usr/sbin:/sbin`;
  const { stdout } = await execute('ip', words, { env: { ...process.env, PATH: path } });
  return stdout;
}
