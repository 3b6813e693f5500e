/**
 * A release as a utility receives it: the same bytes from the same sources wherever they are built,
 * sums and signatures that Debian's own programs confirm, a bill of materials that is complete, and
 * no file of the program left behind in the checkout.
 */
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  appendFileSync,
  cpSync,
  existsSync,
  globSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join, relative, resolve } from 'node:path';
import { after, test } from 'node:test';
import { ROOT } from './bench-process.ts';
import { type Need, testNeeding } from './needs.ts';
import { built } from './packaging-dist.ts';

const BUILDER: Need = { kind: 'package', program: 'aarch64-linux-gnu-strip' };
const MINISIGN: Need = { kind: 'package', program: 'minisign' };
const NOT_SOURCES = ['node_modules', 'dist', '.git'];
const isFast = process.env.FIELDTAP_TESTS === 'fast';

const folders: string[] = [];
after(() => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});

testNeeding(
  [BUILDER],
  'a second build in another folder, by another user, has the same bytes',
  () => {
    const dist = join(built('fieldtap-linux-x64'), '..');
    const place = join(folderFor('/var/tmp', 'ft-again-'), 'somewhere/else entirely');
    mkdirSync(place, { recursive: true });
    for (const name of readdirSync(ROOT).filter((each) => !NOT_SOURCES.includes(each))) {
      cpSync(join(ROOT, name), join(place, name), { recursive: true });
    }
    copyPackages(join(ROOT, 'node_modules'), join(place, 'node_modules'));
    const again = join(place, 'out');
    const node = join(place, 'node_modules/.bin/node');
    const env = { PATH: process.env.PATH ?? '', HOME: place, TZ: 'Pacific/Apia', LC_ALL: 'C' };
    const words = [node, 'packaging/package.ts', '--output', again];
    execFileSync('sh', ['-c', 'umask 077; exec nice "$@"', 'sh', ...words], {
      cwd: place,
      env,
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    const isBuilt = (name: string): boolean => !/^(SHA256SUMS|RELEASE-NOTES\.md|\.)/.test(name);
    const files = readdirSync(again).filter(isBuilt).sort();
    assert.deepEqual(files, readdirSync(dist).filter(isBuilt).sort());
    assert.equal(files.filter((name) => name.endsWith('.deb')).length, 2, files.join(' '));
    for (const name of files)
      assert.equal(sha256(join(again, name)), sha256(join(dist, name)), name);
  },
);

testNeeding(
  [BUILDER, MINISIGN],
  'signatures are what minisign checks, and each change is refused by name',
  () => {
    const release = copyOfDist();
    const keyFile = join(release, '..', 'key.pem');
    const publicKey = execFileSync(
      process.execPath,
      ['packaging/package.ts', '--new-signing-key', keyFile],
      { cwd: ROOT, encoding: 'utf8' },
    );
    const trusted = join(release, '..', 'fieldtap.pub');
    writeFileSync(trusted, publicKey);
    execFileSync(process.execPath, ['packaging/package.ts', '--sign-only', '--output', release], {
      cwd: ROOT,
      env: { ...process.env, FIELDTAP_SIGNING_KEY: keyFile },
      stdio: 'ignore',
    });
    const signed = readdirSync(release).filter((name) => name.endsWith('.minisig'));
    assert.ok(
      signed.includes('SHA256SUMS.minisig') && signed.includes('fieldtap-linux-arm64.minisig'),
    );
    for (const name of signed.map((each) => each.replace('.minisig', ''))) {
      const told = execFileSync('minisign', ['-V', '-p', trusted, '-m', join(release, name)], {
        encoding: 'utf8',
      });
      assert.match(
        told,
        new RegExp(`Trusted comment: timestamp:\\d+\\tfile:${name.replaceAll('.', '\\.')}`),
      );
    }
    assert.deepEqual(verify(release, trusted), { status: 0, faults: '' });
    assert.match(
      execFileSync('sha256sum', ['--check', '--quiet', 'SHA256SUMS'], {
        cwd: release,
        encoding: 'utf8',
      }),
      /^$/,
    );

    // biome-ignore format: one change per line
    const changes = [
    { name: 'a byte more', make: () => appendFileSync(join(release, 'fieldtap.cdx.json'), ' '), told: /fieldtap\.cdx\.json has another SHA-256.*\n.*fieldtap\.cdx\.json: the file was changed/ },
    { name: 'a file gone', make: () => rmSync(join(release, 'fieldtap-hub.service')), told: /fieldtap-hub\.service is missing/ },
    { name: 'an unsigned file', make: () => rmSync(join(release, 'RELEASE-NOTES.md.minisig')), told: /RELEASE-NOTES\.md: it is not signed/ },
    { name: 'a file slipped in', make: () => writeFileSync(join(release, 'fieldtap-evil-linux-x64'), ''), told: /fieldtap-evil-linux-x64 is not in SHA256SUMS/ },
    { name: 'a comment changed', make: () => edit(join(release, 'SHA256SUMS.minisig'), /timestamp:\d/, 'timestamp:9'), told: /SHA256SUMS: the trusted comment was changed/ },
    { name: 'a signature cut', make: () => truncateSync(join(release, 'fieldtap.cdx.json.minisig'), 80), told: /fieldtap\.cdx\.json: the signature file is no minisign signature/ },
    { name: 'another key', make: () => writeFileSync(trusted, otherKey(release)), told: /SHA256SUMS: another key signed it/ },
  ];
    for (const { name, make, told } of changes) {
      make();
      const { status, faults } = verify(release, trusted);
      assert.equal(status, 1, name);
      assert.match(faults, told, name);
    }
  },
);

testNeeding(
  [BUILDER],
  'an unsigned build is verified by its sums, and says that it is not signed',
  () => {
    const dist = join(built('SHA256SUMS'), '..');
    const done = spawnSync(process.execPath, ['packaging/verify.ts', '--folder', dist], {
      cwd: ROOT,
      encoding: 'utf8',
    });
    assert.equal(done.status, 0, done.stderr);
    assert.match(done.stdout, /^\d+ files good: sums, and (not signed|signatures by)/);
  },
);

testNeeding(
  [BUILDER],
  'the bill of materials names what runs, with version, licence and hash',
  () => {
    for (const program of ['fieldtap', 'fieldtap-hub']) {
      const bom = JSON.parse(readFileSync(built(`${program}.cdx.json`), 'utf8'));
      assert.equal(bom.bomFormat, 'CycloneDX');
      assert.equal(bom.specVersion, '1.6');
      assert.match(
        bom.serialNumber,
        /^urn:uuid:[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/,
      );
      const names: string[] = bom.components.map(({ name }: { name: string }) => name);
      const wanted = [
        'node',
        'openssl',
        'v8',
        'uv',
        'sqlite',
        'better-sqlite3',
        'mqtt',
        'cborg',
        'yaml',
        'zod',
        'commander',
      ];
      for (const name of wanted) assert.ok(names.includes(name), `${program}: ${name} is missing`);
      const npm = bom.components.filter(({ purl }: { purl?: string }) =>
        purl?.startsWith('pkg:npm/'),
      );
      for (const each of npm) {
        assert.match(each.version, /^\d/, each.name);
        assert.ok(each.licenses?.length > 0, `${each.name} has no licence`);
        assert.match(each.hashes?.[0]?.content ?? '', /^[0-9a-f]{128}$/, each.name);
      }
      const refs = new Set(bom.components.map((each: { 'bom-ref': string }) => each['bom-ref']));
      assert.equal(refs.size, bom.components.length, 'a component is named twice');
      assert.deepEqual(new Set(bom.dependencies[0].dependsOn), refs);
      assert.doesNotMatch(JSON.stringify(bom), /node-opcua"|fast-check|typescript/);
    }
  },
);

testNeeding([BUILDER], 'the notes say what is new and how to check and install', () => {
  const notes = readFileSync(built('RELEASE-NOTES.md'), 'utf8');
  for (const part of [
    /^# fieldtap \d/,
    /### Added/,
    /minisign -V/,
    /sha256sum --check/,
    /fieldtap_[^ ]+_arm64\.deb/,
  ]) {
    assert.match(notes, part);
  }
});

test('every file that the sources name by its place is in the executables', {
  skip: isFast,
}, () => {
  const programs = readFileSync(join(ROOT, 'packaging/programs.ts'), 'utf8');
  const listed = [...programs.matchAll(/'((?:agent|buffer|hub)\/[^']+)'/g)].map(([, path]) => path);
  const missing: string[] = [];
  for (const file of globSync('{agent,buffer,hub,protocols}/**/*.ts', { cwd: ROOT })) {
    // The demo runs from a checkout only; tests and their fakes are in no program.
    if (/\.test\.ts$|\/testing\/|commands\/demo|commands\/end-with-demo|program-files/.test(file))
      continue;
    const text = readFileSync(join(ROOT, file), 'utf8');
    for (const [, target] of text.matchAll(/new URL\(\s*'(\.[^']+)',\s*import\.meta\.url/g)) {
      const place = relative(ROOT, resolve(ROOT, file, '..', target));
      const isListed = listed.some((each) => place === each || place.startsWith(`${each}/`));
      if (!isListed)
        missing.push(`${file} names ${place}, which packaging/programs.ts doesn't carry`);
    }
    const isForking = /\bfork\(/.test(text) && text.includes("'node:child_process'");
    if (/\bnew Worker\(/.test(text) || isForking) {
      missing.push(`${file} starts a file by itself: take agent/platform/program-files.ts`);
    }
  }
  assert.deepEqual(missing, []);
});

function verify(release: string, key: string): { status: number | null; faults: string } {
  const words = ['packaging/verify.ts', '--folder', release, '--public-key', key];
  const { status, stderr } = spawnSync(process.execPath, words, { cwd: ROOT, encoding: 'utf8' });
  return { status, faults: stderr };
}

/** Of links, except for what the test changes. */
function copyOfDist(): string {
  const dist = join(built('SHA256SUMS'), '..');
  const release = join(folderFor(tmpdir(), 'ft-release-'), 'release');
  mkdirSync(release);
  for (const name of readdirSync(dist).filter((each) => !each.startsWith('.'))) {
    const isLarge = /linux-|\.deb$/.test(name);
    if (isLarge) execFileSync('ln', ['-s', join(dist, name), join(release, name)]);
    else cpSync(join(dist, name), join(release, name));
  }
  return release;
}

function otherKey(release: string): string {
  const path = join(release, '..', `other-${basename(release)}.pem`);
  assert.ok(!existsSync(path));
  return execFileSync(process.execPath, ['packaging/package.ts', '--new-signing-key', path], {
    cwd: ROOT,
    encoding: 'utf8',
  });
}

function edit(path: string, find: RegExp, by: string): void {
  writeFileSync(path, readFileSync(path, 'utf8').replace(find, by));
}

function folderFor(parent: string, prefix: string): string {
  const folder = mkdtempSync(join(parent, prefix));
  folders.push(folder);
  return folder;
}

function sha256(path: string): string {
  return createHash('sha256').update(readFileSync(path)).digest('hex');
}

/** The same packages under another path; by links where the file system is the same. */
function copyPackages(from: string, to: string): void {
  // Of the caches only the builder's: programs that run beside this test write into theirs.
  const builders = join('.cache', 'fieldtap-packaging');
  const names = readdirSync(from).filter((name) => name !== '.cache');
  const copy = (how: string): void => {
    execFileSync('cp', [how, ...names.map((name) => join(from, name)), to]);
    execFileSync('cp', [how, join(from, builders), join(to, '.cache')]);
  };
  mkdirSync(join(to, '.cache'), { recursive: true });
  try {
    copy('-al');
  } catch {
    copy('-a');
  }
}
