/**
 * The program that sends the bench's frames: the C one where `gcc` is installed, since a sender
 * that costs as much as the agent can't show what the agent takes; else the one of this checkout.
 */
import { execFileSync, spawnSync } from 'node:child_process';
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
  return [compiled('veth-sender', folder)];
}

/**
 * As `senderCommand`, for a program that makes the frames arrive at the interface itself instead of
 * sending them from the far end of its cable; undefined where the kernel or a compiler is missing.
 */
export function arrivalCommand({ folder, say }: BenchContext): readonly string[] | undefined {
  if (hasProgram('gcc')) {
    const program = compiled('live-frames', folder);
    // Without an interface it says whether it could have run.
    if (spawnSync(program, ['--probe']).status === 0) return [program];
  }
  say('live frames need gcc and a kernel with BPF: the sender at the far end is the limit');
  return undefined;
}

function compiled(name: string, folder: string): string {
  const program = join(folder, name);
  if (!existsSync(program)) {
    const source = join(import.meta.dirname, `${name}.c`);
    execFileSync('gcc', ['-O2', '-Wall', '-o', program, source]);
  }
  return program;
}
