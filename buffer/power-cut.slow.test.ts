/**
 * Power cuts. Replayed from a system-call trace: the writes and syncs of a program that signs are
 * traced, and the disk is put together as a cut at a random moment leaves it. And real ones: an
 * ext4 disk is shut down under the program. FIELDTAP_CUTS and FIELDTAP_ROUNDS for other numbers,
 * FIELDTAP_SEED to repeat the moments of a replay.
 */
import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { SeededRandom } from '../agent/platform/random.ts';
import { testNeeding } from '../hil-tests/needs.ts';
import { DiskImage } from '../hil-tests/scenarios/disk-image.ts';
import { type Disk, DiskTrace } from './testing/disk-trace.ts';
import { faultsAfter, saidIn } from './testing/power-check.ts';

const CUTS = Number(process.env.FIELDTAP_CUTS ?? 40);
const ROUNDS = Number(process.env.FIELDTAP_ROUNDS ?? 3);
const APPENDS = 120;
const CALLS = 'openat,close,pwrite64,write,fdatasync,fsync,ftruncate,unlink';
const WRITER = [
  process.execPath,
  '--disable-warning=ExperimentalWarning',
  join(import.meta.dirname, 'testing/power-writer.ts'),
];
const STRACE = [{ kind: 'package', program: 'strace' }] as const;
const DISK = [
  { kind: 'privilege', capability: 'root' },
  { kind: 'package', program: 'mkfs.ext4' },
  { kind: 'package', program: 'python3' },
] as const;

testNeeding(
  STRACE,
  `${CUTS} replayed cuts: every file opens, and what was said is there`,
  (context) => {
    const seed = Number(process.env.FIELDTAP_SEED ?? randomInt(2 ** 31));
    const random = new SeededRandom(seed);
    withFolder((folder) => {
      const trace = traced(folder);
      const first = trace.after('ready');
      let saidCount = 0;
      for (let cut = 0; cut < CUTS; cut++) {
        const at = first + Math.floor(random.fraction() * (trace.length - first));
        const disk = trace.cutAt(at, random);
        const faults = faultsOf(disk, join(folder, `cut-${cut}`));
        assert.deepEqual(faults, [], `seed ${seed}, cut ${cut} before event ${at}`);
        saidCount += saidIn(disk.said).length;
      }
      context.diagnostic(
        `seed ${seed}: ${CUTS} cuts in ${trace.length} events, ${saidCount} things said, 0 lost`,
      );
    });
  },
);

testNeeding(STRACE, 'the replay finds losses: a disk that lies about syncs has some', () => {
  const random = new SeededRandom(1);
  withFolder((folder) => {
    const trace = traced(folder).withoutSyncs();
    const first = trace.after('ready');
    let lost = 0;
    for (let cut = 0; cut < 10 && lost === 0; cut++) {
      const at = first + Math.floor(random.fraction() * (trace.length - first));
      lost += faultsOf(trace.cutAt(at, random), join(folder, `cut-${cut}`)).length;
    }
    assert.ok(lost > 0);
  });
});

testNeeding(
  DISK,
  `${ROUNDS} shutdowns of ext4: what was said before the cut is there`,
  async (context) => {
    let saidCount = 0;
    let inFlight = 0;
    let inFlightLost = 0;
    for (let round = 0; round < ROUNDS; round++) {
      const disk = DiskImage.mounted(64);
      if (disk === undefined) return context.skip('privilege: needs a loop device');
      let left: DiskImage | undefined;
      try {
        const { output, cutNs } = await cutUnder(disk);
        left = disk.afterCut();
        const said = saidIn(output);
        const before = said.filter(({ atNs }) => atNs < cutNs);
        const later = said.filter(({ atNs }) => atNs >= cutNs);
        const path = join(left.mountPoint, 'b.db');
        assert.deepEqual(faultsAfter(path, before), [], `round ${round}`);
        saidCount += before.length;
        inFlight += later.length;
        inFlightLost += faultsAfter(path, later).length;
      } finally {
        left?.remove();
        disk.remove();
      }
    }
    context.diagnostic(
      `${ROUNDS} rounds: ${saidCount} things said before the cut, 0 lost; ${inFlight} said while ` +
        `it was under way, of which ${inFlightLost} are not there`,
    );
  },
);

/** The output of a writer whose disk was shut down, and the moment just before that. */
async function cutUnder(disk: DiskImage): Promise<{ output: string; cutNs: bigint }> {
  const [program, ...words] = [...WRITER, join(disk.mountPoint, 'b.db'), '1000000'];
  const child = spawn(program, words, { stdio: ['ignore', 'pipe', 'ignore'] });
  let output = '';
  const ended = new Promise((resolve) => child.once('close', resolve));
  const ready = new Promise((resolve) => child.stdout.once('data', resolve));
  child.stdout.setEncoding('utf8').on('data', (part: string) => {
    output += part;
  });
  await ready;
  await setTimeout(randomInt(100, 600));
  const cutNs = disk.cutPower();
  child.kill('SIGKILL');
  await ended;
  return { output, cutNs };
}

function traced(folder: string): DiskTrace {
  const site = join(folder, 'site');
  const log = join(folder, 'trace');
  mkdirSync(site);
  const words = ['-o', log, '-xx', '-s', '1000000', '-e', `trace=${CALLS}`];
  execFileSync('strace', [...words, ...WRITER, join(site, 'b.db'), String(APPENDS)], {
    stdio: ['ignore', 'ignore', 'inherit'],
    timeout: 60_000,
  });
  return new DiskTrace(readFileSync(log, 'latin1'), site);
}

/** Puts the disk into `place`, and takes it away again. */
function faultsOf(disk: Disk, place: string): string[] {
  mkdirSync(place);
  for (const [path, content] of disk.files) {
    // Shared memory and locks are of one life only.
    if (/-shm$|\.lock$/.test(path)) continue;
    writeFileSync(join(place, basename(path)), content, { mode: 0o600 });
  }
  const faults = faultsAfter(join(place, 'b.db'), saidIn(disk.said));
  rmSync(place, { recursive: true });
  return faults;
}

function withFolder(work: (folder: string) => void): void {
  const folder = mkdtempSync(join(tmpdir(), 'fieldtap-cut-'));
  try {
    work(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
