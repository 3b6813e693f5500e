/** What a build prints: one line when a step begins, and how long it took when it is done. */
export async function step<T>(title: string, work: () => T | Promise<T>): Promise<T> {
  const beganMs = performance.now();
  process.stderr.write(`  ${title.padEnd(52, ' ')}`);
  const result = await work();
  const seconds = ((performance.now() - beganMs) / 1000).toFixed(1);
  process.stderr.write(`${seconds.padStart(7)} s\n`);
  return result;
}
