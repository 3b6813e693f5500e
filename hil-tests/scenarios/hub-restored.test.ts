/**
 * A hub that is restored from yesterday's backup: nothing is deleted by mistake, both sides name
 * what the hub has lost, and the stream goes on.
 */
import assert from 'node:assert/strict';
import { copyFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { type BenchProcess, eventually, startHub } from '../bench-process.ts';
import { BenchSite } from '../bench-site.ts';
import { assertStopped } from '../machine-load.ts';

let site: BenchSite | undefined;
after(() => site?.close());

test('a hub restored from a backup: a new hubEpoch, a signed statement of what is gone', async () => {
  site = await BenchSite.enrolled();
  const { hubConfig, hubDatabase, directory } = site;
  site.startAgent();
  await site.until(({ uplink }) => (uplink?.receiptsApplied ?? 0) >= 2, 'two receipts');
  await ended(site.hub);
  const backup = join(directory, 'backup.db');
  copyFileSync(hubDatabase, backup);

  // A day goes by, as far as the hub is concerned.
  site.startHub();
  const before = await site.until(({ uplink }) => uplink?.isConnected === true, 'the link');
  const receipts = before.uplink?.receiptsApplied ?? 0;
  await site.until(
    ({ uplink }) => (uplink?.receiptsApplied ?? 0) >= receipts + 3,
    'receipts that the backup knows nothing of',
  );
  await ended(site.hub);

  copyFileSync(backup, hubDatabase);
  for (const suffix of ['-wal', '-shm']) rmSync(`${hubDatabase}${suffix}`, { force: true });
  const restored = site.startHub();
  await restored.until(
    ({ stderr }) => /HUB_DATABASE_RESTORED/.test(stderr) || undefined,
    'the hub to notice',
  );
  const statement = await eventually(async () => {
    const { stdout } = await startHub(['alerts', '--config', hubConfig, '--json']).ended();
    return stdout.split('\n').find((line) => /"code":"hubLost"/.test(line));
  }, "the agent's statement at the hub");
  const { from, to } = JSON.parse(statement);
  assert.ok(from > 1 && to >= from, statement);

  // The stream goes on, and the hole is named until somebody brings what is missing.
  const now = await site.until(({ uplink }) => uplink?.isConnected === true, 'the link');
  const applied = now.uplink?.receiptsApplied ?? 0;
  await site.until(({ uplink }) => (uplink?.receiptsApplied ?? 0) > applied, 'a new receipt');
  const gaps = await startHub(['gaps', '--config', hubConfig, '--json']).ended();
  assert.equal(gaps.exitCode, 1);
  assert.ok(JSON.parse(gaps.stdout).missing.length > 0, gaps.stdout);
});

async function ended(hub: BenchProcess): Promise<void> {
  hub.signal('SIGTERM');
  assertStopped(await hub.ended());
}
