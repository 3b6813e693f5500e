/**
 * The warning that comes back: published at the hub, on the gateway's status within seconds, matched
 * with what the site has seen, acknowledged by a person, and the hub knows who has seen it.
 */
import assert from 'node:assert/strict';
import { copyFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { eventually } from '../bench-process.ts';
import { virtualTest } from '../plant/bench-test.ts';
import { fieldtapWords, hubWords } from '../plant/program.ts';
import type { VirtualPlant } from '../plant/virtual-plant.ts';
import { report } from '../report.ts';
import { burst } from './traffic.ts';

const STATUS_MS_MAX = 5000;
const HUB_MS_MAX = 60_000;
const ID = 'FT-2026-014';

interface Shown {
  readonly advisories?: readonly {
    readonly advisoryId: string;
    readonly applicability: string;
    readonly acknowledged?: { readonly by?: string };
  }[];
}

virtualTest(
  { places: ['plc', 'hmi'], uplink: true, onlyVirtual: 'run the hub with its own keys' },
  'an advisory is on the status in 5 s, seen here, acknowledged, and in the list of the hub',
  async (context, plant) => {
    const server = await plant.modbusServer();
    const hubFolder = dirname(plant.uplink.hubDatabase);
    const { credentials } = await plant.uplink.enrol(join(plant.folder, 'enrolment'));
    const key = 'advisory-key.json';
    copyFileSync(join(hubFolder, 'keys', key), join(credentials, key));
    const { broker } = plant.uplink;
    const sensor = plant.sensor({ broker, credentials, summaryIntervalMs: 1000 });
    await sensor.start();
    await sensor.until(({ uplink }) => (uplink?.receiptsApplied ?? 0) > 0, 'a receipt');
    await burst(plant, server, { transactions: 100 });
    await sensor.until(({ traffic }) => traffic.modbusTransactions >= 100, 'the traffic');

    const publishedMs = performance.now();
    await advise(plant, hubFolder, '--file', advisoryFile(plant, server.ipAddress));
    const shown = async (): Promise<Shown> =>
      JSON.parse(
        await plant.sensorHost.run(
          ...fieldtapWords('status', '--json', '--config', sensor.configPath),
        ),
      );
    const onStatus = await eventually(async () => {
      const { advisories = [] } = await shown();
      return advisories.find(({ advisoryId }) => advisoryId === ID);
    }, 'the advisory on the status');
    const afterMs = performance.now() - publishedMs;
    report(context, 'advisory on the status after', afterMs, 'ms', '<=', STATUS_MS_MAX);
    assert.equal(onStatus.applicability, 'seenHere');

    const words = ['advisories', 'acknowledge', ID, '--by', 'Anna', '--config', sensor.configPath];
    await plant.sensorHost.run(...fieldtapWords(...words));
    const listed = await eventually(
      async () => {
        const text = await advise(plant, hubFolder);
        return text.includes('Anna') ? text : undefined;
      },
      'the answer in the list of the hub',
      HUB_MS_MAX,
    );
    const listedMs = performance.now() - publishedMs;
    report(context, 'advisory acknowledged at the hub after', listedMs, 'ms', '<=', HUB_MS_MAX);
    assert.match(listed, /seenHere/);
  },
);

function advise(plant: VirtualPlant, hubFolder: string, ...more: string[]): Promise<string> {
  const config = join(hubFolder, 'hub.yaml');
  return plant.uplink.host.run(...hubWords('advise', '--config', config, '--json', ...more));
}

function advisoryFile(plant: VirtualPlant, address: string): string {
  const file = join(plant.folder, 'advisory.yaml');
  writeFileSync(
    file,
    `advisoryId: ${ID}
validHours: 24
tlp: amber
headline: Requests to this controller are being tried
advice: Look who asks it.
indicators: { addresses: [${address}] }
`,
  );
  return file;
}
