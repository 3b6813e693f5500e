/**
 * The Debian package of the agent, by `dpkg-deb` alone: program, the root-owned copies of the
 * addons, unit, configuration, man page, completions, licences. Every file has the same stamp and
 * owner, so that two builds have the same bytes.
 */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  chmodSync,
  copyFileSync,
  lutimesSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { gzipSync } from 'node:zlib';
import type { Addon } from './addons.ts';
import { debianChangelog } from './changelog.ts';
import type { CommandHelp } from './command-help.ts';
import { bashCompletion, fishCompletion, zshCompletion } from './completions.ts';
import { copyrightText } from './copyright.ts';
import { manPage } from './man-page.ts';
import { type Architecture, DEBIAN_ARCHITECTURES, ROOT, readManifest } from './targets.ts';

const SOURCES = join(ROOT, 'packaging/debian');
const MAINTAINER = 'fieldtap authors <fieldtap@fieldtap.example>';
const DOCUMENTS = 'usr/share/doc/fieldtap';

export interface DebianInputs {
  readonly architecture: Architecture;
  readonly executable: string;
  readonly addons: readonly Addon[];
  readonly packages: readonly string[];
  readonly help: CommandHelp;
  /** Seconds since 1970. */
  readonly epochSeconds: number;
}

export function debName(architecture: Architecture): string {
  return `fieldtap_${readManifest().version}_${DEBIAN_ARCHITECTURES[architecture]}.deb`;
}

/** Builds `folder`/root and writes the package to `output`. */
export function makeDeb(inputs: DebianInputs, folder: string, output: string): void {
  const root = join(folder, `deb-${inputs.architecture}`);
  writeTree(inputs, root);
  writeControl(inputs, root);
  stampTree(root, inputs.epochSeconds);
  execFileSync('dpkg-deb', ['--root-owner-group', '-Zxz', '--build', root, output], {
    env: { ...process.env, SOURCE_DATE_EPOCH: String(inputs.epochSeconds) },
    stdio: ['ignore', 'ignore', 'inherit'],
  });
}

function writeTree(inputs: DebianInputs, root: string): void {
  const { executable, addons, packages, help, architecture, epochSeconds } = inputs;
  const { version } = readManifest();
  const day = new Date(epochSeconds * 1000).toISOString().slice(0, 10);
  const put = (path: string, content: string | Uint8Array): void => putFile(root, path, content);
  const copy = (from: string, path: string): void => put(path, readFileSync(join(SOURCES, from)));
  mkdirSync(join(root, 'usr/bin'), { recursive: true });
  copyFileSync(executable, join(root, 'usr/bin/fieldtap'));
  for (const { name, path } of addons)
    put(`usr/lib/fieldtap/native/${name}.node`, readFileSync(path));
  copy('fieldtap.service', 'usr/lib/systemd/system/fieldtap.service');
  copy('fieldtap.yaml', 'etc/fieldtap/fieldtap.yaml');
  copy('serial.conf', `${DOCUMENTS}/examples/serial.conf`);
  copy('lintian-overrides', 'usr/share/lintian/overrides/fieldtap');
  put(`${DOCUMENTS}/copyright`, copyrightText(packages, architecture));
  put(`${DOCUMENTS}/changelog.gz`, zipped(debianChangelog('fieldtap', MAINTAINER)));
  put('usr/share/man/man8/fieldtap.8.gz', zipped(manPage(help, version, day)));
  put('usr/share/bash-completion/completions/fieldtap', bashCompletion(help));
  put('usr/share/zsh/vendor-completions/_fieldtap', zshCompletion(help));
  put('usr/share/fish/vendor_completions.d/fieldtap.fish', fishCompletion(help));
  chmodSync(join(root, 'usr/bin/fieldtap'), 0o755);
}

/** Hashes of the addons stay as compiled in: nothing is stripped here. */
function writeControl({ architecture }: DebianInputs, root: string): void {
  const put = (name: string, text: string): void => putFile(root, `DEBIAN/${name}`, text);
  for (const script of ['postinst', 'prerm', 'postrm']) {
    put(script, readFileSync(join(SOURCES, script), 'utf8'));
    chmodSync(join(root, 'DEBIAN', script), 0o755);
  }
  put('conffiles', '/etc/fieldtap/fieldtap.yaml\n');
  const files = filesBelow(root).filter((path) => !path.startsWith('DEBIAN/'));
  const bytes = files.reduce((sum, path) => sum + statSync(join(root, path)).size, 0);
  const sums = files.filter((path) => !path.startsWith('etc/')).map((path) => md5Line(root, path));
  put('md5sums', sums.join(''));
  const control = readFileSync(join(SOURCES, 'control'), 'utf8')
    .replace('@VERSION@', readManifest().version)
    .replace('@ARCHITECTURE@', DEBIAN_ARCHITECTURES[architecture])
    .replace('@MAINTAINER@', MAINTAINER)
    .replace('@INSTALLED_SIZE@', String(Math.ceil(bytes / 1024)));
  put('control', control);
}

function putFile(root: string, path: string, content: string | Uint8Array): void {
  const full = join(root, path);
  mkdirSync(dirname(full), { recursive: true });
  writeFileSync(full, content, { mode: 0o644 });
}

/** gzip without a name and a time (RFC 1952 section 2.3.1). */
function zipped(text: string): Uint8Array {
  return gzipSync(text, { level: 9 });
}

/** dpkg's own format: this is no defence, `dpkg --verify` reads it. */
function md5Line(root: string, path: string): string {
  const md5 = createHash('md5')
    .update(readFileSync(join(root, path)))
    .digest('hex');
  return `${md5}  ${path}\n`;
}

function filesBelow(root: string): string[] {
  return readdirSync(root, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(root.length + 1))
    .sort();
}

/** Whatever umask the builder has, the package has one set of modes and one time. */
function stampTree(root: string, epochSeconds: number): void {
  const entries = readdirSync(root, { withFileTypes: true, recursive: true });
  const folders = entries.filter((entry) => entry.isDirectory());
  for (const entry of folders) chmodSync(join(entry.parentPath, entry.name), 0o755);
  for (const entry of entries.filter((each) => each.isFile())) {
    const path = join(entry.parentPath, entry.name);
    chmodSync(path, statSync(path).mode & 0o100 ? 0o755 : 0o644);
    lutimesSync(path, epochSeconds, epochSeconds);
  }
  chmodSync(root, 0o755);
  for (const entry of folders) {
    lutimesSync(join(entry.parentPath, entry.name), epochSeconds, epochSeconds);
  }
  lutimesSync(root, epochSeconds, epochSeconds);
}
