/**
 * What a test needs beyond Node and npm, declared so that a skip has a reason and is counted.
 * Three kinds: *package* (a program from a Debian package) and *privilege* are failures when
 * FIELDTAP_TEST_ALL=1; *corpus* is one only when FIELDTAP_CORPUS names a folder.
 */
import { execFileSync } from 'node:child_process';
import { accessSync, constants, existsSync, readFileSync } from 'node:fs';
import { delimiter, join, resolve } from 'node:path';
import { type TestContext, test } from 'node:test';

export type Need =
  | { readonly kind: 'package'; readonly program: string }
  | { readonly kind: 'package'; readonly pythonModule: string }
  | { readonly kind: 'privilege'; readonly capability: 'netRaw' | 'netAdmin' | 'root' }
  | { readonly kind: 'corpus' };

const LEFT_TO_NPM_TEST = 'fast: left to npm test';

/** Folder of captures that nobody here made; undefined where the machine has none. */
export const corpusFolder: string | undefined = findCorpus();

/** A test that skips with a counted reason where its needs are not met. */
export function testNeeding(
  needs: readonly Need[],
  name: string,
  body: (context: TestContext) => void | Promise<void>,
): void {
  const missing = needs.map(whyMissing).find((reason) => reason !== undefined);
  if (process.env.FIELDTAP_TESTS === 'fast') {
    test(name, { skip: LEFT_TO_NPM_TEST }, () => {});
  } else if (missing === undefined) {
    test(name, body);
  } else if (missing.isFailure) {
    test(name, () => {
      throw new Error(`${missing.reason}, and this run may not skip it`);
    });
  } else {
    test(name, { skip: missing.reason }, () => {});
  }
}

/** A test that takes long or starts processes: `npm test` runs it, `npm run check` doesn't. */
export function slowTest(name: string, body: (context: TestContext) => void | Promise<void>): void {
  if (process.env.FIELDTAP_TESTS === 'fast') test(name, { skip: LEFT_TO_NPM_TEST }, () => {});
  else test(name, body);
}

interface Missing {
  /** Begins with the kind and a colon; the skip counter reads it. */
  readonly reason: string;
  readonly isFailure: boolean;
}

function whyMissing(need: Need): Missing | undefined {
  const isFailure = process.env.FIELDTAP_TEST_ALL === '1';
  switch (need.kind) {
    case 'package':
      return 'program' in need
        ? programMissing(need.program, isFailure)
        : pythonModuleMissing(need.pythonModule, isFailure);
    case 'privilege':
      return hasCapability(need.capability)
        ? undefined
        : { reason: `privilege: needs ${need.capability}`, isFailure };
    case 'corpus':
      if (corpusFolder !== undefined && existsSync(join(corpusFolder, 'MANIFEST.tsv'))) {
        return undefined;
      }
      return {
        reason: 'corpus: no folder of captures (set FIELDTAP_CORPUS)',
        isFailure: (process.env.FIELDTAP_CORPUS ?? '') !== '',
      };
    default:
      return need satisfies never;
  }
}

function programMissing(program: string, isFailure: boolean): Missing | undefined {
  const folders = `${process.env.PATH ?? ''}${delimiter}/usr/sbin${delimiter}/sbin`;
  const isThere = folders.split(delimiter).some((folder) => {
    try {
      accessSync(join(folder, program), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
  return isThere ? undefined : { reason: `package: needs the program ${program}`, isFailure };
}

function pythonModuleMissing(pythonModule: string, isFailure: boolean): Missing | undefined {
  try {
    execFileSync('/usr/bin/python3', ['-c', `import ${pythonModule}`], { stdio: 'ignore' });
    return undefined;
  } catch {
    return { reason: `package: needs the Python module ${pythonModule}`, isFailure };
  }
}

/** Bits of CapEff in /proc/self/status (capabilities(7)). */
const CAPABILITY_BITS = { netAdmin: 12n, netRaw: 13n, root: 21n } as const;

function hasCapability(capability: keyof typeof CAPABILITY_BITS): boolean {
  try {
    const status = readFileSync('/proc/self/status', 'utf8');
    const effective = BigInt(`0x${/CapEff:\s*([0-9a-f]+)/.exec(status)?.[1] ?? '0'}`);
    return (effective & (1n << CAPABILITY_BITS[capability])) !== 0n;
  } catch {
    return false;
  }
}

function findCorpus(): string | undefined {
  const named = process.env.FIELDTAP_CORPUS;
  if (named !== undefined && named !== '') return resolve(named);
  const beside = resolve(import.meta.dirname, '../../shared/corpus');
  return existsSync(beside) ? beside : undefined;
}
