/**
 * Devices in C are compiled when a test wants them: `gcc` and libmodbus-dev are packages of the
 * bench, not of the product. The result lies in the plant's own folder and goes with it.
 */
import { join } from 'node:path';
import { ROOT } from '../bench-process.ts';
import { command } from './command.ts';

/** Compiles `devices/NAME.c` into `folder`; returns the program's path. */
export async function compiledDevice(name: string, folder: string): Promise<string> {
  const source = join(ROOT, 'hil-tests/devices', `${name}.c`);
  const program = join(folder, name);
  await command([
    'gcc',
    '-O1',
    '-Wall',
    '-I/usr/include/modbus',
    '-o',
    program,
    source,
    '-lmodbus',
  ]);
  return program;
}
