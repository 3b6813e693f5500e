/**
 * A reporter for `node --test` that says at the end how many tests were skipped for want of a
 * package, a privilege or the corpus, and why; the rest of the output is the spec reporter's.
 */
// biome-ignore lint/style/noDefaultExport: node --test loads a reporter by its default export
export default async function* countSkips(events) {
  const counts = new Map([
    ['package', 0],
    ['privilege', 0],
    ['corpus', 0],
    ['other', 0],
  ]);
  const reasons = new Map();
  for await (const event of events) {
    if (event.type !== 'test:pass' || typeof event.data.skip !== 'string') continue;
    const kind = event.data.skip.split(':')[0];
    const known = counts.has(kind) ? kind : 'other';
    counts.set(known, counts.get(known) + 1);
    reasons.set(event.data.skip, (reasons.get(event.data.skip) ?? 0) + 1);
  }
  for (const [reason, count] of reasons) yield `skipped ${count}: ${reason}\n`;
  const line = [...counts].map(([kind, count]) => `${kind} ${count}`).join(', ');
  yield `skipped by need: ${line}\n`;
}
