/** Every frame of every capture, explained: each byte in exactly one field, whatever it holds. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { corpusFolder, testNeeding } from '../../hil-tests/needs.ts';
import { coverFault, type ExplainedField } from '../../protocols/explain.ts';
import { CaptureFileDecoder } from '../../protocols/pcap/capture-file.ts';
import { ExplainRun, type FrameExplanation } from './explain-run.ts';

/** Of longer captures, so many frames are explained, spread over all of them. */
const FRAMES_MAX = 3000;
const digest = { pseudonym: () => 'p', sha256: () => 's' };

testNeeding(
  [{ kind: 'corpus' }],
  'corpus: every byte of every frame is in exactly one field',
  () => {
    const faults: string[] = [];
    let explained = 0;
    const folder = corpusFolder ?? '';
    for (const file of captureFiles(folder)) {
      for (const explanation of explainFile(join(folder, file))) {
        const { frame, bytes, fields } = explanation;
        explained++;
        const fault = coverFault(fields, 0, bytes.length);
        if (fault !== undefined) faults.push(`${file} frame ${frame}: ${fault}`);
      }
    }
    assert.deepEqual(faults, []);
    assert.ok(explained > 50_000, `${explained} frames`);
  },
);

testNeeding([{ kind: 'corpus' }], 'corpus: PDUs and chunks are found where they are', () => {
  const folder = join(corpusFolder ?? '', 'derived');
  for (const name of ['split-coalesced-seqwrap', 'vlan10', 'qinq-ns', 'ooo-dup-loss0']) {
    const truth = readFileSync(join(folder, `${name}.pcap.truth.ndjson`), 'utf8').trim();
    const ends = explainFile(join(folder, `${name}.pcap`), Number.POSITIVE_INFINITY)
      .flatMap(({ fields }) => fields)
      .filter((field) => field.name === 'modbus' && endsMessage(field));
    assert.equal(ends.length, truth.split('\n').length, name);
  }
});

/** Its message ends here, and nothing says that the bytes were there before. */
function endsMessage({ note = '', value }: ExplainedField): boolean {
  return value !== 'no message' && !note.includes('goes on') && !note.includes('seen before');
}

function captureFiles(folder: string): readonly string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((path) =>
    /\.(pcap|pcapng|cap|dmp|trace)(\.gz)?$/.test(path),
  );
}

function explainFile(path: string, framesMax = FRAMES_MAX): readonly FrameExplanation[] {
  const raw = readFileSync(path);
  const bytes = path.endsWith('.gz') ? gunzipSync(raw) : raw;
  const step = Math.max(1, Math.ceil(countFrames(bytes) / framesMax));
  const isWanted = (frame: number): boolean => frame % step === 0;
  const run = new ExplainRun({ isWanted, digest });
  const reader = new CaptureFileDecoder({ sink: run, interfaceIndex: 0 });
  reader.push(bytes);
  reader.finish();
  run.end();
  const explanations: FrameExplanation[] = [];
  for (let frame = step; frame <= reader.framesCount; frame += step) {
    const explanation = run.explain(frame);
    if (explanation !== undefined) explanations.push(explanation);
  }
  return explanations;
}

function countFrames(bytes: Uint8Array): number {
  const reader = new CaptureFileDecoder({ sink: { block: () => {} }, interfaceIndex: 0 });
  reader.push(bytes);
  reader.finish();
  return reader.framesCount;
}
