/**
 * A hub of an earlier version for the scenarios of version skew: today's sources, copied, without
 * the kind of message that it doesn't know yet.
 */
import assert from 'node:assert/strict';
import { cpSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type BenchProcess, ROOT } from '../bench-process.ts';
import type { VirtualUplink } from '../plant/virtual-uplink.ts';

/** What the hub is made of (docs/architecture.md, the table of imports). */
const ROOMS = ['hub', 'protocols', 'agent/platform', 'package.json'];
const CODEC = 'protocols/uplink/codec.ts';
const SUMMARIES = /^ {2}\[KIND_SUMMARY(?:_DELTA)?, .*\n/gm;

/** Runs with the configuration and the keys of the bench's hub; whoever starts it stops it. */
export async function startOlderHub(uplink: VirtualUplink, folder: string): Promise<BenchProcess> {
  const copy = join(folder, 'older-hub');
  for (const room of ROOMS) cpSync(join(ROOT, room), join(copy, room), { recursive: true });
  symlinkSync(join(ROOT, 'node_modules'), join(copy, 'node_modules'));
  const codec = readFileSync(join(ROOT, CODEC), 'utf8');
  assert.equal(codec.match(SUMMARIES)?.length, 2, `${CODEC} lists its kinds in lines of their own`);
  writeFileSync(join(copy, CODEC), codec.replace(SUMMARIES, ''));
  const words = [process.execPath, join(copy, 'hub/main.ts'), 'run', '--config', uplink.hubConfig];
  const hub = uplink.host.start(words);
  await hub.until(
    ({ stdout, stderr }) => (/HUB_LINK_UP/.test(stdout + stderr) ? true : undefined),
    'its link to the broker',
  );
  return hub;
}
