/**
 * The program that sends the bench's frames: the C one where `gcc` is installed, since a sender
 * that costs as much as the agent can't show what the agent takes; else the one of this checkout.
 */
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { hasProgram } from './replay.ts';
import type { BenchContext } from './section.ts';

/** The beginning of its command: FILE INTERFACE PACKETS PACKETS_A_SECOND follow. */
export function senderCommand({ folder, say }: BenchContext): readonly string[] {
  if (!hasProgram('gcc')) {
    say('gcc is not installed: the slower sender is used');
    return [process.execPath, join(import.meta.dirname, 'veth-sender.ts')];
  }
  const program = join(folder, 'veth-sender');
  if (!existsSync(program)) {
    const source = join(import.meta.dirname, 'veth-sender.c');
    execFileSync('gcc', ['-O2', '-Wall', '-o', program, source]);
  }
  return [program];
}
