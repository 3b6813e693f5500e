/**
 * A program file that was just written lies in the page cache in large pieces, of which the kernel
 * (6.18) maps the whole where one page is needed: 20 MB more of resident memory until the next boot
 * reads the file in small pieces. The figures are those of a gateway that has been booted since.
 */
import { spawnSync } from 'node:child_process';
import { fieldtapWords } from '../hil-tests/plant/program.ts';

/** Takes the program of HIL_BINARY out of the page cache, as far as nobody runs it. */
export function forgetProgramPages(): void {
  if (!process.env.HIL_BINARY) return;
  const program = fieldtapWords().at(-1) ?? '';
  // Waits until the file is on the disk: pages that are not can't be let go.
  spawnSync('sync', [program]);
  spawnSync('dd', [`if=${program}`, 'iflag=nocache', 'count=0'], { stdio: 'ignore' });
}
