/**
 * A serial bus (RS-485) of pseudo-terminals: what one station sends reaches all others, byte by
 * byte at the bus's rate. The tap's station only listens: what it sends is counted and reaches
 * nobody, as with the transmit wire not connected. Pseudo-terminals have no parity, no framing
 * errors and no break: those need the real bench.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, constants, existsSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { eventually } from '../bench-process.ts';
import { benchPath } from './command.ts';

export type Station = 'client' | 'server' | 'tap';
const STATIONS: readonly Station[] = ['client', 'server', 'tap'];

/** `wire`: a byte at a time at the bus's rate. `whole`: all at once, as buffered adapters do. */
export type Pacing = 'wire' | 'whole';

export interface SerialBus {
  /** 0 for a bus that delivers at once. */
  readonly baudRate: number;
  /** What a program opens: a terminal of the station. */
  path(station: Station): string;
  /** Puts bytes on the bus as a device with its own mind: noise, half a frame, two in one. */
  transmit(bytes: Uint8Array, pacing: Pacing): Promise<void>;
  /** Bytes that a station has sent; of the tap it must be 0. */
  bytesSent(station: Station): number;
  close(): Promise<void>;
}

/** Start bit, eight data bits, parity or a second stop bit, stop bit. */
const BITS_PER_BYTE = 11;
/** A station that nobody reads loses what it doesn't take, as on a real bus. */
const UNREAD_BYTES_MAX = 64 * 1024;

interface Port {
  readonly socat: ChildProcess;
  /** Keeps the terminal alive between two programs that open it. */
  readonly holder: number;
  sent: number;
}

export class VirtualSerialBus implements SerialBus {
  readonly baudRate: number;
  readonly #folder: string;
  readonly #ports = new Map<Station, Port>();
  /** Transmissions follow one another: the wire is one. */
  #wire: Promise<void> = Promise.resolve();

  private constructor(folder: string, baudRate: number) {
    this.#folder = folder;
    this.baudRate = baudRate;
  }

  /** Terminals named after their stations in `folder`. */
  static async make(folder: string, baudRate: number): Promise<VirtualSerialBus> {
    const bus = new VirtualSerialBus(folder, baudRate);
    await Promise.all(STATIONS.map((station) => bus.#addPort(station)));
    return bus;
  }

  path(station: Station): string {
    return join(this.#folder, `tty-${station}`);
  }

  transmit(bytes: Uint8Array, pacing: Pacing): Promise<void> {
    return this.#enqueue(bytes, STATIONS, pacing);
  }

  bytesSent(station: Station): number {
    return this.#ports.get(station)?.sent ?? 0;
  }

  async close(): Promise<void> {
    for (const { socat, holder } of this.#ports.values()) {
      closeSync(holder);
      const ended = new Promise((resolve) => socat.once('close', resolve));
      if (socat.kill('SIGTERM')) await ended;
    }
    this.#ports.clear();
  }

  async #addPort(station: Station): Promise<void> {
    const path = this.path(station);
    const words = [`PTY,link=${path},raw,echo=0`, 'STDIO'];
    const env = { ...process.env, PATH: benchPath() };
    const socat = spawn('socat', words, { stdio: ['pipe', 'pipe', 'ignore'], env });
    socat.stdin?.on('error', () => {});
    await eventually(() => (existsSync(path) ? true : undefined), `the terminal ${path}`);
    const port = { socat, holder: openSync(path, constants.O_RDWR | constants.O_NOCTTY), sent: 0 };
    this.#ports.set(station, port);
    socat.stdout?.on('data', (bytes: Buffer) => {
      port.sent += bytes.length;
      if (station === 'tap') return;
      const others = STATIONS.filter((other) => other !== station);
      void this.#enqueue(bytes, others, this.baudRate === 0 ? 'whole' : 'wire');
    });
  }

  #enqueue(bytes: Uint8Array, to: readonly Station[], pacing: Pacing): Promise<void> {
    const work = this.#wire.then(() => this.#carry(bytes, to, pacing));
    this.#wire = work;
    return work;
  }

  async #carry(bytes: Uint8Array, to: readonly Station[], pacing: Pacing): Promise<void> {
    if (pacing === 'whole' || this.baudRate === 0) {
      this.#deliver(bytes, to);
      return;
    }
    const byteMs = (BITS_PER_BYTE * 1000) / this.baudRate;
    const beganMs = performance.now();
    for (let sent = 0; sent < bytes.length; ) {
      const due = Math.min(bytes.length, Math.ceil((performance.now() - beganMs) / byteMs));
      if (due > sent) this.#deliver(bytes.subarray(sent, due), to);
      sent = Math.max(sent, due);
      if (sent < bytes.length) await delay(1);
    }
  }

  #deliver(bytes: Uint8Array, to: readonly Station[]): void {
    for (const station of to) {
      const stdin = this.#ports.get(station)?.socat.stdin;
      if (stdin && stdin.writableLength < UNREAD_BYTES_MAX) stdin.write(bytes);
    }
  }
}
