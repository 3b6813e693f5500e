/**
 * Brings node_modules in line with the lockfile before `npm start` and `npm test`, so that a fresh
 * clone needs no third command. Plain JavaScript: it runs on whatever Node (20+) the machine has.
 */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const stamp = join(root, 'node_modules', '.fieldtap-installed');
const lock = createHash('sha256')
  .update(readFileSync(join(root, 'package-lock.json')))
  .digest('hex');

if (!existsSync(stamp) || readFileSync(stamp, 'utf8') !== lock) {
  process.stderr.write('fieldtap: installing what the lockfile names (once, about a minute) ...\n');
  const install = spawnSync('npm', ['ci', '--no-audit', '--no-fund', '--loglevel=error'], {
    cwd: root,
    stdio: ['ignore', 'inherit', 'inherit'],
    env: { ...process.env, npm_config_ignore_scripts: 'true' },
  });
  if (install.status !== 0) {
    process.stderr.write(
      'fieldtap: npm ci failed. Look at its message above; without a network, copy node_modules ' +
        'from a machine of the same architecture.\n',
    );
    process.exit(1);
  }
  writeFileSync(stamp, lock);
}
