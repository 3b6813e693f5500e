/**
 * `npm run package:verify`: holds dist/ against its sums, its signatures and itself. Exit code 0
 * when all is good, 1 when not.
 */
import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { readPublicKey } from './minisign.ts';
import { PUBLIC_KEY_FILE, releaseFaults, releaseFiles } from './release-files.ts';
import { ROOT } from './targets.ts';

const { values } = parseArgs({
  options: {
    folder: { type: 'string', default: join(ROOT, 'dist') },
    'public-key': { type: 'string' },
    help: { type: 'boolean', default: false },
  },
});

const USAGE = `Checks sums and signatures of a release.

npm run package:verify                                        dist/, with its own public key
npm run package:verify -- --public-key ~/fieldtap.pub         with a key that came another way
npm run package:verify -- --folder /media/usb/fieldtap        a release elsewhere
`;

if (values.help) process.stdout.write(USAGE);
else process.exitCode = verifyRelease(resolve(values.folder), values['public-key']);

function verifyRelease(dist: string, keyPath: string | undefined): number {
  const beside = join(dist, PUBLIC_KEY_FILE);
  const path = keyPath ?? (existsSync(beside) ? beside : undefined);
  const key = path === undefined ? undefined : readPublicKey(path);
  const faults = releaseFaults(dist, key);
  for (const fault of faults) process.stderr.write(`fieldtap: ${fault}\n`);
  if (faults.length > 0) return 1;
  const count = releaseFiles(dist).length;
  const signatures = key === undefined ? 'not signed' : `signatures by the key in ${path}`;
  process.stdout.write(`${count} files good: sums, and ${signatures}\n`);
  return 0;
}
