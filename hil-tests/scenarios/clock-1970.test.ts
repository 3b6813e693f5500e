/**
 * A gateway whose clock chip is dead starts in 1970, where every certificate looks not valid yet. It
 * connects all the same, judged by the lowest possible time; it says why its clock is wrong, and
 * tells the hub's time from the first receipt on. An authority that isn't ours stays refused.
 */
import assert from 'node:assert/strict';
import { copyFileSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { virtualTest } from '../plant/bench-test.ts';
import { CertificateAuthority, FAKETIME } from '../plant/pki.ts';
import { report } from '../report.ts';
import { burst } from './traffic.ts';

const BORN_MS = Date.UTC(2026, 8, 1);
const CLOCK_OF_1970 = {
  LD_PRELOAD: FAKETIME,
  FAKETIME: '@1970-01-01 00:01:00',
  FAKETIME_DONT_FAKE_MONOTONIC: '1',
};

virtualTest(
  {
    places: ['plc', 'hmi'],
    uplink: true,
    // For the library that fakes the clock; the certificates are those of every other day.
    onlyVirtual: 'give one process a clock of its own',
  },
  'a gateway that starts in 1970: connected, in order, with the time of the hub',
  async (context, plant) => {
    const server = await plant.modbusServer();
    const sensor = await plant.enrolledSensor(1000);
    await sensor.start({ env: CLOCK_OF_1970 });
    await sensor.until(({ uplink }) => (uplink?.receiptsApplied ?? 0) >= 2, 'receipts', 60_000);
    await burst(plant, server, { transactions: 100 });
    const status = await sensor.until(
      ({ uplink, traffic }) =>
        (uplink?.receiptsApplied ?? 0) >= 5 && traffic.modbusTransactions >= 100,
      'traffic and receipts',
    );
    assert.equal(status.uplink?.fault?.code, 'UPLINK_CLOCK_BEHIND');
    assert.match(status.uplink?.fault?.problem ?? '', /says 1970-01-01/);
    await sensor.stop();
    const hub = new Database(plant.uplink.hubDatabase, { readonly: true });
    const rows = hub
      .prepare<[], { sequence: number; signedAtMs: number }>(
        'SELECT sequence, signedAtMs FROM message_body WHERE stream = 2 ORDER BY sequence',
      )
      .all();
    hub.close();
    assert.deepEqual(
      rows.map(({ sequence }) => sequence),
      rows.map((_, index) => index + 1),
    );
    const first = rows[0].signedAtMs;
    const last = rows[rows.length - 1].signedAtMs;
    report(context, '1970: first message says', first / 1000, 's since 1970', '<=', 3600);
    report(context, '1970: last message says', last, 'ms since 1970', '>=', BORN_MS);
  },
);

virtualTest(
  { places: [], uplink: true, onlyVirtual: 'give one process a clock of its own' },
  'in 1970 too, a broker of another authority is refused',
  async (context, plant) => {
    const sensor = await plant.enrolledSensor(1000);
    const stranger = await CertificateAuthority.make(join(plant.folder, 'stranger'), false);
    copyFileSync(stranger.certificate, join(plant.folder, 'enrolment', 'ca.pem'));
    await sensor.start({ env: CLOCK_OF_1970 });
    const { uplink } = await sensor.until(
      (status) => status.uplink?.fault?.code === 'UPLINK_TLS_REFUSED',
      'a word of why',
      60_000,
    );
    assert.match(uplink?.fault?.problem ?? '', /does not lead to ca.pem/);
    report(
      context,
      '1970, another authority: connected',
      Number(uplink?.isConnected),
      'links',
      '==',
      0,
    );
  },
);
