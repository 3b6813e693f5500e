/**
 * Loaded into the demo's agent and hub before their own code (`node --import`): when the demo goes
 * away, however it went, their standard input ends, and they end as by SIGTERM. The programs
 * themselves never look at their standard input, since systemd gives them none.
 */
import { isMainThread } from 'node:worker_threads';

// A worker inherits the option that loads this file, but not the pipe.
if (isMainThread) {
  process.stdin.on('end', endCleanly);
  process.stdin.on('error', endCleanly);
  process.stdin.resume();
  // Waiting for the demo is no reason to stay.
  process.stdin.unref();
}

function endCleanly(): void {
  process.kill(process.pid, 'SIGTERM');
}
