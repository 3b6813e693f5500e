/** A small ext4 disk in a file, mounted for one test; it goes also when the test has failed. */
import { execFileSync } from 'node:child_process';
import {
  closeSync,
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  rmSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const PIECE_BYTES = 64 * 1024;

export class DiskImage {
  readonly folder = mkdtempSync(join(tmpdir(), 'ft-disk-'));
  /** Where it is mounted. */
  readonly mountPoint = join(this.folder, 'mnt');
  readonly #image = join(this.folder, 'disk.img');
  readonly #filler = join(this.mountPoint, 'filler');

  private constructor() {}

  /** Undefined where the machine has no loop device to give. */
  static mounted(mebibytes: number): DiskImage | undefined {
    const disk = new DiskImage();
    try {
      mkdirSync(disk.mountPoint);
      writeFileSync(disk.#image, '');
      truncateSync(disk.#image, mebibytes * 2 ** 20);
      run('mkfs.ext4', '-q', disk.#image);
      disk.mount();
      return disk;
    } catch {
      disk.remove();
      return undefined;
    }
  }

  mount(): void {
    run('mount', '-o', 'loop', this.#image, this.mountPoint);
  }

  /** Fails with EBUSY for `ro` while a file is open for writing. */
  remount(mode: 'ro' | 'rw'): void {
    run('mount', '-o', `remount,${mode}`, this.mountPoint);
  }

  /**
   * The disk as it is after `cutPower`, mounted anew: a copy of it, since a mount namespace that
   * somebody else has made may still hold the one that was shut down.
   */
  afterCut(): DiskImage {
    const copy = new DiskImage();
    mkdirSync(copy.mountPoint);
    copyFileSync(this.#image, copy.#image);
    copy.mount();
    return copy;
  }

  /** Writes until the disk has no block left; answers how many bytes. */
  fill(): number {
    const descriptor = openSync(this.#filler, 'a');
    let bytes = 0;
    try {
      for (let piece = PIECE_BYTES; piece >= 512; ) {
        try {
          bytes += writeSync(descriptor, Buffer.alloc(piece, 1));
        } catch {
          piece /= 2;
        }
      }
    } finally {
      closeSync(descriptor);
    }
    return bytes;
  }

  empty(): void {
    rmSync(this.#filler, { force: true });
  }

  /**
   * As a power cut: nothing that waits reaches the disk any more (ext4, EXT4_IOC_SHUTDOWN without a
   * flush of the log). Answers the moment just before it: CLOCK_MONOTONIC, nanoseconds.
   */
  cutPower(): bigint {
    const program = `import fcntl,struct,os,sys,time
EXT4_IOC_SHUTDOWN,NOLOGFLUSH=0x8004587d,2
folder=os.open(sys.argv[1],os.O_RDONLY)
print(time.clock_gettime_ns(time.CLOCK_MONOTONIC),flush=True)
fcntl.ioctl(folder,EXT4_IOC_SHUTDOWN,struct.pack('I',NOLOGFLUSH))`;
    return BigInt(run('python3', '-c', program, this.mountPoint).trim());
  }

  remove(): void {
    try {
      run('umount', '-l', this.mountPoint);
    } catch {
      // It was not mounted.
    }
    rmSync(this.folder, { recursive: true, force: true });
  }
}

function run(program: string, ...words: readonly string[]): string {
  const path = `${process.env.PATH}:/usr/sbin:/sbin`;
  const env = { ...process.env, PATH: path };
  return execFileSync(program, words, { env, stdio: 'pipe', encoding: 'utf8' });
}
