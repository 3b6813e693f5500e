/**
 * `npm run package`: every file of a release into dist/, from this checkout, npm packages and
 * Debian packages alone. The same sources give the same bytes in any folder.
 */
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { addonsOf } from './addons.ts';
import { bundle } from './bundle.ts';
import { type CommandHelp, readCommandHelp } from './command-help.ts';
import { debName, makeDeb } from './deb.ts';
import { makeExecutable, strippedNode } from './executable.ts';
import { makeSigningKey, publicKeyText, readSigningKey } from './minisign.ts';
import { programOf } from './programs.ts';
import { step } from './progress.ts';
import { writeSignatures, writeSums } from './release-files.ts';
import { sbomText } from './sbom.ts';
import { isBuiltFrom, markBuilt, sourceDigest } from './source-digest.ts';
import {
  ARCHITECTURES,
  type Architecture,
  executableName,
  PROGRAMS,
  type ProgramName,
  ROOT,
  readManifest,
  sourceDateEpoch,
} from './targets.ts';

const { values } = parseArgs({
  options: {
    architecture: { type: 'string' },
    program: { type: 'string' },
    output: { type: 'string', default: join(ROOT, 'dist') },
    'no-deb': { type: 'boolean', default: false },
    'sign-only': { type: 'boolean', default: false },
    'new-signing-key': { type: 'string' },
    'if-changed': { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});

const HUB_UNIT = 'packaging/hub/fieldtap-hub.service';
const USAGE = `Builds the executables and packages of a release.

npm run package                              everything, into dist/
npm run package -- --architecture x64        one architecture
npm run package -- --program fieldtap        one program
npm run package -- --output /tmp/dist        another folder
npm run package -- --no-deb                  executables only
npm run package -- --new-signing-key FILE    makes a key; prints its public half
npm run package -- --sign-only               sums and signatures of what is in dist/
npm run package -- --if-changed              nothing, if dist/ is of these sources

With FIELDTAP_SIGNING_KEY=FILE every file of the release gets a signature that minisign checks.
`;

const newKey = values['new-signing-key'];
if (values.help) process.stdout.write(USAGE);
else if (newKey !== undefined) {
  makeSigningKey(newKey);
  process.stdout.write(publicKeyText(readSigningKey(newKey).publicKey));
} else if (values['sign-only']) finish(resolve(values.output), sourceDateEpoch());
else await build();

async function build(): Promise<void> {
  const dist = resolve(values.output);
  const digest = sourceDigest();
  if (values['if-changed'] && isBuiltFrom(dist, digest)) return;
  mkdirSync(dist, { recursive: true });
  const work = mkdtempSync(join(dist, '.build-'));
  try {
    const release = { dist, work, epochSeconds: sourceDateEpoch(), help: await commandHelp() };
    for (const architecture of chosen(ARCHITECTURES, values.architecture)) {
      await step(`Node for ${architecture}, stripped`, () => strippedNode(architecture, work));
      for (const program of chosen(PROGRAMS, values.program)) {
        await buildProgram(release, program, architecture);
      }
    }
    copyFileSync(join(ROOT, HUB_UNIT), join(dist, basename(HUB_UNIT)));
    await step('sums and signatures', () => finish(dist, release.epochSeconds));
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
  if (isWhole()) markBuilt(dist, digest);
}

interface Release {
  readonly dist: string;
  readonly work: string;
  /** Seconds since 1970. */
  readonly epochSeconds: number;
  readonly help: CommandHelp | undefined;
}

function isWhole(): boolean {
  return values.architecture === undefined && values.program === undefined && !values['no-deb'];
}

/** Only the package has a man page. */
async function commandHelp(): Promise<CommandHelp | undefined> {
  if (values['no-deb'] || values.program === 'fieldtap-hub') return undefined;
  return step('commands, by their own help', () => readCommandHelp('agent'));
}

async function buildProgram(
  { dist, work, epochSeconds, help }: Release,
  name: ProgramName,
  architecture: Architecture,
): Promise<void> {
  const program = programOf(name);
  const addons = addonsOf(name, architecture);
  const file = executableName(name, architecture);
  const executable = join(dist, file);
  // Away first: a running program can't be written over.
  rmSync(executable, { force: true });
  const scripts = await step(`${file}: scripts`, () => bundle(program, architecture, addons, work));
  await step(`${file}: executable`, () =>
    makeExecutable(scripts, program.files, addons, architecture, executable, work),
  );
  tellSize(executable);
  const { packages } = scripts;
  writeFileSync(join(dist, `${name}.cdx.json`), sbomText(name, packages, epochSeconds));
  if (help === undefined || name !== 'fieldtap') return;
  const deb = join(dist, debName(architecture));
  const inputs = { architecture, executable, addons, packages, help, epochSeconds };
  await step(debName(architecture), () => makeDeb(inputs, work, deb));
  tellSize(deb);
}

function finish(dist: string, epochSeconds: number): void {
  const { FIELDTAP_SIGNING_KEY } = process.env;
  writeSums(dist, readManifest().version);
  const key = FIELDTAP_SIGNING_KEY ? readSigningKey(FIELDTAP_SIGNING_KEY) : undefined;
  writeSignatures(dist, key, epochSeconds);
  if (key === undefined) {
    process.stderr.write('\n  not signed: FIELDTAP_SIGNING_KEY names no key');
  }
}

function tellSize(path: string): void {
  process.stderr.write(`  ${basename(path)}: ${(statSync(path).size / 1e6).toFixed(1)} MB\n`);
}

function chosen<T extends string>(all: readonly T[], wish: string | undefined): readonly T[] {
  if (wish === undefined) return all;
  const found = all.filter((each) => each === wish);
  if (found.length === 0) throw new Error(`"${wish}" is none of ${all.join(', ')}`);
  return found;
}
