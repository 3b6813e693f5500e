/**
 * How a scenario becomes a test: it declares what it needs of the bench, gets a bench of its own,
 * and the bench is removed whatever happens. A need that the inventory doesn't meet is a skip with
 * a counted reason; the virtual plant meets all of them.
 */
import { existsSync } from 'node:fs';
import { type TestContext, test } from 'node:test';
import { type Need, testNeeding } from '../needs.ts';
import type { Bench } from './bench.ts';
import { loadInventory, whyNot } from './inventory.ts';
import { FAKETIME } from './pki.ts';
import { RealBench } from './real-bench.ts';
import { VirtualPlant, type VirtualPlantOptions } from './virtual-plant.ts';

const TEST_MS_MAX = 240_000;
const inventory = loadInventory();

/** Programs of the virtual plant, by Debian package: iproute2, ethtool, gcc with libmodbus. */
const PROGRAMS = ['ip', 'tc', 'ethtool', 'gcc'];
const LIBMODBUS_HEADER = '/usr/include/modbus/modbus.h';
const UPLINK_PROGRAMS = ['mosquitto', 'openssl'];

/** A scenario for every bench that has what it needs. */
export function benchTest(
  needs: VirtualPlantOptions & { readonly programs?: readonly string[] },
  name: string,
  body: (context: TestContext, bench: Bench) => Promise<void>,
): void {
  const reason = whyNot(inventory, needs);
  if (reason !== undefined) {
    test(name, { skip: `inventory: ${reason}` }, () => {});
  } else if (inventory.kind === 'virtual') {
    virtualTest(needs, name, body);
  } else {
    const real = inventory;
    test(name, { timeout: TEST_MS_MAX }, async (context) => {
      const bench = new RealBench(real);
      try {
        await body(context, bench);
      } finally {
        await bench.remove();
      }
    });
  }
}

/** A scenario that needs namespaces: `onlyVirtual` says what for. */
export function virtualTest(
  needs: VirtualPlantOptions & { readonly programs?: readonly string[] },
  name: string,
  body: (context: TestContext, plant: VirtualPlant) => Promise<void>,
): void {
  const reason = whyNot(inventory, needs);
  if (reason !== undefined) {
    test(name, { skip: `inventory: ${reason}` }, () => {});
    return;
  }
  const library = libraryMissing(needs);
  if (library !== undefined) {
    test(name, { skip: isAllNeeded() ? false : library }, () => {
      throw new Error(`${library}, and this run may not skip it`);
    });
    return;
  }
  const programs = [
    ...PROGRAMS,
    ...(needs.uplink === true ? UPLINK_PROGRAMS : []),
    ...(needs.programs ?? []),
  ];
  const all: Need[] = [{ kind: 'privilege', capability: 'root' }];
  all.push(...programs.map((program) => ({ kind: 'package', program }) as const));
  testNeeding(all, name, async (context) => {
    const plant = await VirtualPlant.make(needs);
    try {
      await body(context, plant);
    } finally {
      await plant.remove();
    }
  });
}

/** Libraries, which are no programs in PATH: a header for the compiler, one that is preloaded. */
function libraryMissing(needs: VirtualPlantOptions): string | undefined {
  if (!existsSync(LIBMODBUS_HEADER)) return 'package: needs libmodbus-dev';
  if (needs.longCertificates === true && !existsSync(FAKETIME)) {
    return 'package: needs libfaketime';
  }
  return undefined;
}

function isAllNeeded(): boolean {
  return process.env.FIELDTAP_TEST_ALL === '1';
}
