/**
 * `npm run bench [-- NAME... --json]`: measures what docs/benchmarks.md reports. Each section is a
 * file of its own; one that can't run here says why. Nothing is judged: goals stand beside figures.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { binarySection } from './binary.ts';
import { captureSection } from './capture.ts';
import { hubSection } from './hub.ts';
import { hubAgentsSection } from './hub-agents.ts';
import { idleSection } from './idle.ts';
import { knowledgeSection } from './knowledge.ts';
import { knowledgeMemorySection } from './knowledge-memory.ts';
import { loopDelaySection } from './loop-delay.ts';
import { opcuaSection } from './opcua.ts';
import { opcuaBoundsSection } from './opcua-bounds.ts';
import { peersSection } from './peers.ts';
import { plantFiguresSection } from './plant-figures.ts';
import { readSection } from './read.ts';
import { replaySection } from './replay.ts';
import type { BenchContext, BenchSection, SectionResult } from './section.ts';
import { startUpSection } from './start-up.ts';
import { summariesSection } from './summaries.ts';
import { wearSection } from './wear.ts';

const SECTIONS: readonly BenchSection[] = [
  replaySection,
  peersSection,
  startUpSection,
  readSection,
  idleSection,
  loopDelaySection,
  hubSection,
  hubAgentsSection,
  captureSection,
  plantFiguresSection,
  binarySection,
  opcuaSection,
  opcuaBoundsSection,
  knowledgeSection,
  knowledgeMemorySection,
  wearSection,
  summariesSection,
];

async function main(words: readonly string[]): Promise<void> {
  const names = words.filter((word) => word !== '--json');
  const unknown = names.find((name) => SECTIONS.every((section) => section.name !== name));
  if (unknown !== undefined) {
    const known = SECTIONS.map(({ name }) => name).join(', ');
    process.stderr.write(`There is no section "${unknown}". Sections: ${known}.\n`);
    process.exitCode = 2;
    return;
  }
  const folder = mkdtempSync(join(tmpdir(), 'fieldtap-bench-'));
  const context: BenchContext = {
    folder,
    fieldtap: [process.execPath, resolve(import.meta.dirname, '../agent/start.mjs')],
    say: (text) => process.stderr.write(`  ${text}\n`),
  };
  try {
    await runSections(names, words.includes('--json'), context);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

async function runSections(
  names: readonly string[],
  isJson: boolean,
  context: BenchContext,
): Promise<void> {
  const results: Record<string, SectionResult> = {};
  for (const section of SECTIONS) {
    if (names.length > 0 && !names.includes(section.name)) continue;
    process.stderr.write(`${section.name}: ${section.title}\n`);
    const result = await section.run(context);
    results[section.name] = result;
    if (!isJson) process.stdout.write(`${textOf(section, result)}\n`);
  }
  if (isJson) process.stdout.write(`${JSON.stringify(results)}\n`);
}

function textOf(section: BenchSection, result: SectionResult): string {
  if (result.kind === 'skipped') return `${section.name}: skipped, ${result.reason}\n`;
  const lines = result.figures.map(({ name, value, unit, goal }) => {
    const number = value.toLocaleString('en', { maximumFractionDigits: value < 100 ? 1 : 0 });
    return `  ${number.padStart(12)} ${unit.padEnd(10)} ${name}${goal ? `  (${goal})` : ''}`;
  });
  return `${section.name}\n${lines.join('\n')}\n`;
}

await main(process.argv.slice(2));
