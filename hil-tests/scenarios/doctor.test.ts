/**
 * Each cause that doctor knows, made true on the bench: it comes first, what follows from it is
 * hidden, two faults are two, and where nothing is wrong all is green. Most of the time is waiting,
 * so the sites of the themes stand beside each other.
 */
import { suite } from 'node:test';
import { machineTests } from './doctor-machine.ts';
import { mirrorTests } from './doctor-mirror.ts';
import { serialTests } from './doctor-serial.ts';
import { uplinkTests } from './doctor-uplink.ts';

const SITES_AT_ONCE = 3;

suite('doctor', { concurrency: SITES_AT_ONCE }, () => {
  mirrorTests();
  uplinkTests();
  machineTests();
  serialTests();
});
