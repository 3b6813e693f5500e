/**
 * The Debian packages, by the real dpkg in a throw-away root: install, upgrade with a changed
 * configuration, rollback, remove, purge; and what lintian and systemd-analyze say of them.
 */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { after, before } from 'node:test';
import { BenchProcess, ROOT } from './bench-process.ts';
import { BENCH_CAPTURE } from './bench-site.ts';
import { type Need, testNeeding } from './needs.ts';
import { built } from './packaging-dist.ts';

const VERSION: string = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')).version;
const NEXT_VERSION = `${VERSION}+next`;
const DEB_BYTES_MAX = 32 * 2 ** 20;
const EXPOSURE_MAX = 18;
const needs = (...programs: readonly string[]): Need[] => [
  ...programs.map((program) => ({ kind: 'package', program }) as const),
  { kind: 'package', program: 'aarch64-linux-gnu-strip' },
];
const ROOT_NEEDS: readonly Need[] = [
  ...needs('mmdebstrap'),
  { kind: 'privilege', capability: 'root' },
];
const CONFIG = 'etc/fieldtap/fieldtap.yaml';
const BUFFER = 'var/lib/fieldtap/buffer.db';

/** Not below /tmp, which may be small or forbid device files. */
const work = process.env.FIELDTAP_TESTS === 'fast' ? '' : mkdtempSync('/var/tmp/ft-deb-');
const debian = join(work, 'root');
const amd64 = (): string => built(`fieldtap_${VERSION}_amd64.deb`);
const arm64 = (): string => built(`fieldtap_${VERSION}_arm64.deb`);

before(() => {
  if (work !== '') mkdirSync(join(work, 'next'), { recursive: true });
});
after(() => {
  if (work === '') return;
  if (existsSync(join(debian, 'proc/self'))) execFileSync('umount', [join(debian, 'proc')]);
  rmSync(work, { recursive: true, force: true });
});

testNeeding(
  needs('dpkg-deb'),
  'both packages: small enough for a slow line, with every part',
  () => {
    for (const [deb, architecture] of [
      [amd64(), 'amd64'],
      [arm64(), 'arm64'],
    ]) {
      assert.ok(statSync(deb).size <= DEB_BYTES_MAX, `${deb} has ${statSync(deb).size} bytes`);
      assert.equal(output('dpkg-deb', '-f', deb, 'Architecture').trim(), architecture);
      const listed = output('dpkg-deb', '-c', deb);
      for (const path of PARTS)
        assert.ok(listed.includes(` ./${path}`), `${path} is not in ${deb}`);
      assert.doesNotMatch(listed, /^[^ ]+ (?!root\/root )/m, 'a file is not of root');
    }
  },
);

// biome-ignore format: one part per line
const PARTS = [
  'usr/bin/fieldtap',
  'usr/lib/fieldtap/native/better_sqlite3.node',
  'usr/lib/fieldtap/native/koffi.node',
  'usr/lib/systemd/system/fieldtap.service',
  'etc/fieldtap/fieldtap.yaml',
  'usr/share/man/man8/fieldtap.8.gz',
  'usr/share/bash-completion/completions/fieldtap',
  'usr/share/zsh/vendor-completions/_fieldtap',
  'usr/share/fish/vendor_completions.d/fieldtap.fish',
  'usr/share/doc/fieldtap/copyright',
  'usr/share/doc/fieldtap/changelog.gz',
  'usr/share/doc/fieldtap/examples/serial.conf',
];

testNeeding(needs('lintian'), 'lintian finds no error and no warning that has no reason', () => {
  const words = ['--allow-root', '--fail-on', 'error,warning', amd64()];
  assert.equal(output('lintian', ...words).replace(/^N:.*\n/gm, ''), '');
});

testNeeding(
  needs('man', 'bash'),
  'the man page and the completion name every command that there is',
  () => {
    const folder = join(work, 'unpacked');
    execFileSync('dpkg-deb', ['-x', amd64(), folder]);
    const page = execFileSync(
      'man',
      ['--warnings', '-l', join(folder, 'usr/share/man/man8/fieldtap.8.gz')],
      {
        encoding: 'utf8',
        env: { ...process.env, MANWIDTH: '100', LC_ALL: 'C.UTF-8' },
        stdio: ['ignore', 'pipe', 'pipe'],
      },
    );
    const help = output(built('fieldtap-linux-x64'), '--help');
    const commands = [
      ...help
        .split('Commands:\n')[1]
        .split('\n\n')[0]
        .matchAll(/^ {2}([a-z][a-z-]+)/gm),
    ]
      .map(([, name]) => name)
      .filter((name) => name !== 'help');
    assert.ok(commands.length >= 6, help);
    const completion = join(folder, 'usr/share/bash-completion/completions/fieldtap');
    for (const name of commands) assert.match(page, new RegExp(`^ +${name}\\b`, 'm'));
    const complete = (...words: readonly string[]): string[] => {
      const script = `source "$1"; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _fieldtap; printf '%s\\n' "\${COMPREPLY[@]}"`;
      return output('bash', '-c', script, 'bash', completion, 'fieldtap', ...words)
        .trim()
        .split('\n');
    };
    assert.deepEqual(
      complete('')
        .filter((word) => !word.startsWith('-'))
        .sort(),
      commands.sort(),
    );
    assert.deepEqual(complete('repl'), ['replay']);
    assert.ok(complete('replay', '--').includes('--explain'));
  },
);

testNeeding(
  needs('systemd-analyze'),
  'the units are valid, and confined as far as their work allows',
  () => {
    const units = [
      join(ROOT, 'packaging/debian/fieldtap.service'),
      join(ROOT, 'packaging/hub/fieldtap-hub.service'),
    ];
    for (const unit of units) {
      const words = [
        'security',
        '--offline=true',
        '--no-pager',
        `--threshold=${EXPOSURE_MAX}`,
        unit,
      ];
      assert.match(output('systemd-analyze', ...words), /Overall exposure level/);
      const checked = execFileSync(
        'sh',
        ['-c', 'systemd-analyze verify --man=no "$1" 2>&1 || true', 'sh', unit],
        { encoding: 'utf8' },
      );
      const faults = checked
        .split('\n')
        .filter((line) => line.includes('.service:') && !/is not executable/.test(line));
      assert.deepEqual(faults, []);
    }
  },
);

testNeeding(
  ROOT_NEEDS,
  'install, upgrade, rollback, remove and purge; the buffer survives all but the last',
  async () => {
    execFileSync(
      'mmdebstrap',
      [
        '--quiet',
        '--variant=essential',
        '--include=adduser,libstdc++6,libgcc-s1,init-system-helpers',
        'bookworm',
        debian,
        ...aptSources(),
      ],
      { stdio: ['ignore', 'ignore', 'inherit'] },
    );
    execFileSync('mount', ['-t', 'proc', 'proc', join(debian, 'proc')]);
    copyFileSync(amd64(), join(debian, 'first.deb'));
    copyFileSync(nextVersion(amd64()), join(debian, 'next.deb'));
    copyFileSync(BENCH_CAPTURE, join(debian, 'bench.pcap'));

    const told = inside('dpkg', '-i', '/first.deb');
    assert.match(told, /name the mirror port in \/etc\/fieldtap\/fieldtap\.yaml/);
    assert.equal(inside('fieldtap', '--version').trim(), VERSION);
    assert.match(inside('fieldtap', 'check-config'), /good/);
    assert.match(inside('getent', 'passwd', 'fieldtap'), /:\/var\/lib\/fieldtap:/);
    assert.equal(inside('dpkg', '--verify', 'fieldtap'), '');

    writeFileSync(join(debian, CONFIG), CHANGED_CONFIG);
    await recordSomething();
    const recorded = observationsIn(join(debian, BUFFER));
    assert.ok(recorded > 0, 'nothing was recorded');

    inside('dpkg', '--force-confold', '-i', '/next.deb');
    assert.equal(installedVersion(), NEXT_VERSION);
    assert.equal(readFileSync(join(debian, CONFIG), 'utf8'), CHANGED_CONFIG);
    assert.ok(existsSync(join(debian, `${CONFIG}.dpkg-dist`)), 'the new default is not beside it');
    assert.equal(observationsIn(join(debian, BUFFER)), recorded);
    await recordSomething();
    assert.ok(observationsIn(join(debian, BUFFER)) > recorded, 'the upgraded agent does not go on');

    inside('dpkg', '--force-confold', '-i', '/first.deb');
    assert.equal(installedVersion(), VERSION);
    await recordSomething();

    inside('dpkg', '--remove', 'fieldtap');
    assert.ok(!existsSync(join(debian, 'usr/bin/fieldtap')));
    assert.ok(observationsIn(join(debian, BUFFER)) > recorded, 'removing touched the buffer');
    assert.equal(readFileSync(join(debian, CONFIG), 'utf8'), CHANGED_CONFIG);

    inside('dpkg', '--purge', 'fieldtap');
    for (const path of [
      'var/lib/fieldtap',
      'etc/fieldtap',
      'usr/lib/fieldtap',
      'usr/share/doc/fieldtap',
    ]) {
      assert.ok(!existsSync(join(debian, path)), `${path} is left`);
    }
    assert.doesNotMatch(readFileSync(join(debian, 'etc/passwd'), 'utf8'), /^fieldtap:/m);

    // The scripts of the other package are the same; its program can't run here without an emulator.
    copyFileSync(arm64(), join(debian, 'arm64.deb'));
    inside('dpkg', '--force-architecture', '--force-depends', '-i', '/arm64.deb');
    assert.ok(existsSync(join(debian, 'usr/bin/fieldtap')));
    inside('dpkg', '--purge', 'fieldtap');
    assert.deepEqual(
      readdirSync(join(debian, 'var/lib')).filter((name) => name.includes('fieldtap')),
      [],
    );
  },
);

const CHANGED_CONFIG = `site: { name: Changed by hand }
capture: { file: /bench.pcap }
buffer: { path: /var/lib/fieldtap/buffer.db, quotaMiB: 16 }
diagnostics: { socket: /var/lib/fieldtap/agent.sock }
`;

/** Runs the installed agent as its user until it has observed something. */
async function recordSomething(): Promise<void> {
  const words = ['chroot', '--userspec=fieldtap:fieldtap', debian, '/usr/bin/fieldtap'];
  const agent = new BenchProcess([...words, 'run', '--config', `/${CONFIG}`]);
  try {
    const before = existsSync(join(debian, BUFFER)) ? observationsIn(join(debian, BUFFER)) : 0;
    for (let tries = 0; tries < 300 && !agent.hasEnded; tries++) {
      await new Promise((resolve) => setTimeout(resolve, 100));
      if (existsSync(join(debian, BUFFER)) && observationsIn(join(debian, BUFFER)) > before) return;
    }
    assert.fail(`nothing observed: ${agent.stderr}`);
  } finally {
    agent.signal('SIGTERM');
    await agent.ended();
  }
}

/** Asked of the file from outside, by another SQLite than the agent's. */
function observationsIn(path: string): number {
  const script =
    'const D=require("better-sqlite3");console.log(new D(process.argv[1],{readonly:true}).prepare("SELECT sum(count) FROM observation_block").pluck().get())';
  try {
    return Number(
      execFileSync(process.execPath, ['-e', script, path], {
        cwd: ROOT,
        encoding: 'utf8',
        stdio: ['ignore', 'pipe', 'ignore'],
      }),
    );
  } catch {
    return 0;
  }
}

/** The same program under a later version, with another default configuration. */
function nextVersion(deb: string): string {
  const folder = join(work, 'next/tree');
  execFileSync('dpkg-deb', ['-R', deb, folder]);
  const control = join(folder, 'DEBIAN/control');
  writeFileSync(
    control,
    readFileSync(control, 'utf8').replace(`Version: ${VERSION}\n`, `Version: ${NEXT_VERSION}\n`),
  );
  const config = join(folder, CONFIG);
  writeFileSync(config, `${readFileSync(config, 'utf8')}# a new default\n`);
  const path = join(work, 'next/next.deb');
  execFileSync('dpkg-deb', ['--root-owner-group', '-Znone', '-b', folder, path], {
    stdio: 'ignore',
  });
  return path;
}

/** This machine's own sources, so that the root comes from where its packages come from. */
function aptSources(): string[] {
  const candidates = ['/etc/apt/sources.list.d/debian.sources', '/etc/apt/sources.list'];
  return candidates.filter((path) => existsSync(path)).slice(0, 1);
}

function inside(...words: readonly string[]): string {
  return execFileSync('chroot', [debian, ...words], {
    encoding: 'utf8',
    env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', LC_ALL: 'C', DEBIAN_FRONTEND: 'noninteractive' },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
}

function installedVersion(): string | undefined {
  return /^Version: (.*)$/m.exec(inside('dpkg-query', '-s', 'fieldtap'))?.[1];
}

function output(program: string, ...words: readonly string[]): string {
  return execFileSync(program, words, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] });
}
