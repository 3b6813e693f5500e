/**
 * What is wrong with the gateway itself, made true on the bench: its disk, its buffer, its clock.
 * Doctor names each one first, with and without the running agent, and two at once as two.
 */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import {
  closeSync,
  copyFileSync,
  openSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { type BenchProcess, fieldtap } from '../bench-process.ts';
import { BenchSite } from '../bench-site.ts';
import { testNeeding } from '../needs.ts';
import { PYTHON } from '../plant/mirror-rewriter.ts';
import { DiskImage } from './disk-image.ts';
import { clockFrom, doctor, HERE, tells } from './doctor-bench.ts';

const NEEDS = [
  { kind: 'privilege', capability: 'root' },
  { kind: 'package', program: 'mkfs.ext4' },
  { kind: 'package', program: 'strace' },
] as const;
const ALONE = ['agent'] as const;
const MIB = 2 ** 20;

interface Machine {
  readonly context: TestContext;
  readonly site: BenchSite;
  readonly disk: DiskImage;
}

/** A site whose buffer is on a disk of its own, while `body` runs. */
async function withDisk(
  context: TestContext,
  mebibytes: number,
  body: (machine: Machine) => Promise<void>,
): Promise<void> {
  const disk = DiskImage.mounted(mebibytes);
  if (disk === undefined) return context.skip('privilege: needs a loop device');
  try {
    const site = await BenchSite.enrolled({ bufferFolder: disk.mountPoint });
    try {
      const text = readFileSync(site.agentConfig, 'utf8');
      writeFileSync(site.agentConfig, text.replace('quotaMiB: 64', 'quotaMiB: 16'));
      await body({ context, site, disk });
    } finally {
      await site.close();
    }
  } finally {
    disk.remove();
  }
}

async function atWork({ site }: Machine): Promise<BenchProcess> {
  const agent = site.startAgent();
  await site.until(({ uplink }) => (uplink?.receiptsApplied ?? 0) > 0, 'a receipt');
  return agent;
}

async function stop(agent: BenchProcess): Promise<void> {
  agent.signal('SIGTERM');
  await agent.ended();
}

/** An older image of the disk comes back: the agent sees it, and begins a new epoch. */
async function restored(machine: Machine, older: string): Promise<void> {
  const { context, site } = machine;
  copyFileSync(older, site.agentDatabase);
  await stop(await atWork(machine));
  copyFileSync(older, site.agentDatabase);
  const agent = await atWork(machine);
  tells(context, 'a restored disk image', await doctor(HERE, site.agentConfig), {
    warnings: ['buffer'],
    says: /new epoch: restored.*older image.*who restored/,
  });
  await stop(agent);
}

/** What waits since an hour fills the rest in days; then the quota is reached. */
async function room(machine: Machine): Promise<void> {
  const { context, site } = machine;
  const config = site.agentConfig;
  site.hub.signal('SIGKILL');
  await site.hub.ended();
  const clock = clockFrom(join(site.directory, 'clock'));
  clock.set('-3700');
  const agent = site.startAgent([], clock.env);
  await site.until(({ uplink }) => (uplink?.outboxMessages ?? 0) > 5, 'a backlog');
  await stop(agent);
  fill(site.agentDatabase, 11.9 * MIB);
  const filling = await doctor(HERE, config);
  tells(context, 'a backlog that fills the buffer', filling, {
    warnings: [...ALONE, 'quota'],
  });
  assert.match(filling.check('quota')?.figure ?? '', /^\d+ % of the quota, [0-6] days until full/);
  site.startHub();
  await atWork(machine).then(stop);
  fill(site.agentDatabase, 12.5 * MIB);
  tells(context, 'the quota is reached', await doctor(HERE, config), {
    warnings: [...ALONE, 'quota'],
  });
}

/** Rows that nobody evicts, until the file has this size. */
function fill(path: string, bytes: number): void {
  const more = Math.max(0, Math.floor(bytes - statSync(path).size));
  sql(path, 'CREATE TABLE IF NOT EXISTS filler (bytes BLOB)');
  sql(path, `INSERT INTO filler VALUES (zeroblob(${more}))`);
}

/** By Python's SQLite: the bench has no other. */
function sql(path: string, statement: string): void {
  const program = `import sqlite3, sys
database = sqlite3.connect(sys.argv[1])
database.execute(sys.argv[2])
database.commit()
database.execute('PRAGMA wal_checkpoint(TRUNCATE)')
database.close()`;
  execFileSync(PYTHON, ['-c', program, path, statement]);
}

/** Damaged, set aside, and a new epoch: a warning for as long as the file is there. */
async function setAside(machine: Machine): Promise<void> {
  const { context, site } = machine;
  const descriptor = openSync(site.agentDatabase, 'r+');
  writeSync(descriptor, Buffer.alloc(100, 0xa5), 0, 100, 0);
  closeSync(descriptor);
  const agent = await atWork(machine);
  tells(context, 'a buffer that was set aside', await doctor(HERE, site.agentConfig), {
    warnings: ['buffer'],
    says: /set aside as ".*quarantined-.*Keep the file until/,
  });
  rmSync(`${site.agentDatabase}.older`);
  site.broker.tell('cut');
  await site.until(({ uplink }) => uplink?.isConnected === false, 'the cut');
  tells(context, 'set aside, and a broker that is gone', await doctor(HERE, site.agentConfig), {
    faults: ['uplink:tcp'],
    warnings: ['buffer'],
  });
  await stop(agent);
}

/** A card that tells its wear (JEDEC eMMC), in a /sys of the process's own. */
function wornDisk({ mountPoint }: DiskImage): readonly string[] {
  const { dev } = statSync(mountPoint);
  const device = `/sys/dev/block/${(dev >> 8) & 0xfff}:${dev & 0xff}/device`;
  const script = [
    'mount -t tmpfs none /sys/dev/block',
    `mkdir -p ${device}`,
    `echo 0x01 0x0b > ${device}/life_time`,
    'exec "$@"',
  ];
  return ['unshare', '-m', 'sh', '-c', script.join(' && '), 'sh'];
}

/** Registers the tests of disk and buffer. */
export function machineTests(): void {
  testNeeding(
    NEEDS,
    'a disk: healthy, slow, worn, read-only; the buffer: its quota, its epoch',
    (context) =>
      withDisk(context, 64, async (machine) => {
        const { site, disk } = machine;
        const config = site.agentConfig;
        const agent = await atWork(machine);
        tells(context, 'a healthy gateway', await doctor(HERE, config), {});
        tells(context, 'a slow disk', await doctor(HERE, config, { syncMs: 300 }), {
          warnings: ['disk:speed'],
          says: /3\d\d ms for a safe write.*replace/,
        });
        const worn = { before: wornDisk(disk) };
        tells(context, 'a worn disk', await doctor(HERE, config, worn), {
          faults: ['disk:wear'],
          says: /100 % of its life used.*Replace the storage/,
        });
        await stop(agent);
        const older = `${site.agentDatabase}.older`;
        copyFileSync(site.agentDatabase, older);
        await room(machine);
        await restored(machine, older);
        disk.remount('ro');
        tells(context, 'a read-only disk', await doctor(HERE, config), {
          faults: ['disk'],
          says: /EROFS.*dmesg/,
        });
        disk.remount('rw');
        await setAside(machine);
      }),
  );

  testNeeding(NEEDS, 'a disk of 8 MB: smaller than the quota, worn by writing, full', (context) =>
    withDisk(context, 8, async (machine) => {
      const { site, disk } = machine;
      const config = site.agentConfig;
      const agent = await atWork(machine);
      tells(context, 'a disk below the quota', await doctor(HERE, config), {
        warnings: ['disk'],
        says: /smaller than the quota/,
      });
      await stop(agent);
      // The day's account of a busy agent; it is kept in the buffer, and grows for hours.
      sql(site.agentDatabase, `UPDATE wear SET bytes = ${MIB}`);
      tells(context, 'much written in a day', await doctor(HERE, config, { clock: '+1d' }), {
        warnings: [...ALONE, 'disk', 'disk:wear'],
      });
      const again = await atWork(machine);
      disk.fill();
      await site.until(({ buffer }) => {
        disk.fill();
        return buffer.fault?.code === 'BUFFER_DISK_FULL';
      }, 'the fault');
      const full = { faults: ['disk'], says: /is full.*Free space/ };
      tells(context, 'a full disk', await doctor(HERE, config), full);
      // The tools on site say it too, and leave nothing half behind.
      const to = ['--to', join(disk.mountPoint, 'support.tar.gz'), '--yes'];
      const bundle = await fieldtap(['bundle', '--config', config, ...to]);
      assert.match(bundle.stderr, /\[BUNDLE_NOT_WRITTEN\]/);
      const carried = await fieldtap(['export', '--config', config, '--to', disk.mountPoint]);
      assert.match(carried.stderr, /is full.*another one.*\[EXPORT_STICK_FULL\]/);
      site.broker.tell('cut');
      await site.until(({ uplink }) => uplink?.isConnected === false, 'the cut');
      tells(context, 'a full disk, and a broker that is gone', await doctor(HERE, config), {
        faults: ['disk', 'uplink:tcp'],
      });
      await stop(again);
      const alone = await doctor(HERE, config);
      tells(context, 'a full disk, a broker that is gone, and no agent', alone, {
        faults: ['disk', 'uplink:tcp'],
      });
    }),
  );
}
