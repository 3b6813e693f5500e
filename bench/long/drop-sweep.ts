/**
 * Every frame of every Modbus and OPC UA capture left out in turn: what was lost beyond it, and how
 * the loss was told. Exit code 1 where more is missing than the promise allows.
 */
import { corpusFolder } from '../../hil-tests/needs.ts';
import { sweepCorpus } from '../drop-sweep-corpus.ts';
import { writeEvidence } from '../evidence.ts';

const BEYOND_SHARE_MAX = 0.001;

function main(): number {
  if (corpusFolder === undefined) {
    process.stderr.write('The drop sweep needs a folder of captures: set FIELDTAP_CORPUS.\n');
    return 2;
  }
  const say = (text: string): void => {
    process.stderr.write(`  ${text}\n`);
  };
  const report = sweepCorpus(corpusFolder, 'all', say);
  const { dropsCount, beyond, beyondMax, unexplainedCount, untold, invented, told } = report;
  const isGood =
    beyondMax <= 1 &&
    beyond.length <= dropsCount * BEYOND_SHARE_MAX &&
    unexplainedCount + untold.length === 0;
  const lines = [
    `captures ${report.capturesCount}, drops ${dropsCount}`,
    ...Object.entries(told).map(([name, count]) => `  ${name.padEnd(16)} ${count}`),
    `drops that cost a message beyond their own: ${beyond.length}, at most ${beyondMax} each`,
    ...beyond.map((line) => `  ${line}`),
    `losses not told: ${untold.length}`,
    ...untold.map((line) => `  ${line}`),
    `drops after which a message appeared that the whole doesn't show: ${invented.length}`,
    ...invented.map((line) => `  ${line}`),
    isGood ? 'passed' : 'FAILED',
  ];
  process.stdout.write(`${lines.join('\n')}\n`);
  writeEvidence('drop-sweep.txt', 'npm run long -- drop-sweep', lines);
  return isGood ? 0 : 1;
}

process.exitCode = main();
