/**
 * The demo's verdict: what the agent signed, held against what the hub stored, each counted in its
 * own database by its own program.
 */
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { ReadOnlyBuffer } from '../../buffer/read-only-buffer.ts';
import { STREAM_ALERTS, STREAM_SUMMARIES } from '../../protocols/uplink/messages.ts';
import type { DemoPlant } from './demo-plant.ts';

const HUB = join(import.meta.dirname, '../../hub/main.ts');

export interface DemoCounts {
  readonly alertsSigned: number;
  readonly alertsVerified: number;
  readonly summariesSigned: number;
  readonly summariesVerified: number;
  readonly outboxLeft: number;
  /** Signed, and neither in the hub's database nor in the agent's outbox. */
  readonly lost: number;
  /** Stored at the hub more than once, or never signed here. */
  readonly doubled: number;
}

export interface DemoResult {
  readonly captureSource: 'live' | 'file';
  readonly framesCaptured: number;
  readonly framesDropped: number;
  readonly modbusTransactions: number;
  readonly opcuaTransactions: number;
  readonly observations: number;
  readonly alertsRaised: number;
  readonly alertsVerified: number;
  readonly summariesSigned: number;
  readonly summariesVerified: number;
  readonly receiptsApplied: number;
  readonly linkCuts: number;
  readonly outboxLeft: number;
  readonly lost: number;
  readonly doubled: number;
}

/** What `fieldtap-hub status --json` tells of one stream of one agent. */
interface HubStream {
  readonly agentId: string;
  readonly epoch: number;
  readonly stream: number;
  /** Messages stored, each sequence once. */
  readonly stored: number;
  readonly highestSequence: number;
  /** Holes below the highest sequence. */
  readonly missing: readonly { readonly from: number; readonly to: number }[];
  /** Stored rows beyond one per sequence. */
  readonly doubled: number;
}

/** Both programs have ended, or write no more, when this is called. */
export async function countBothDatabases(plant: DemoPlant, databases: string): Promise<DemoCounts> {
  const buffer = new ReadOnlyBuffer(join(databases, 'agent.db'));
  const statistics = buffer.statistics();
  const waiting = buffer.pendingSequences();
  buffer.close();
  const hubStreams = await readHubStreams(plant);
  const signedBy = new Map(statistics.streams.map((each) => [each.stream, each.lastSequence]));
  let lost = 0;
  let doubled = 0;
  const verifiedBy = new Map<number, number>();
  for (const [stream, signed] of signedBy) {
    const atHub = hubStreams.find(
      (each) =>
        each.agentId === plant.agentId && each.epoch === statistics.epoch && each.stream === stream,
    );
    const highest = atHub?.highestSequence ?? 0;
    const holes = [...(atHub?.missing ?? []), { from: highest + 1, to: signed }];
    verifiedBy.set(stream, atHub?.stored ?? 0);
    for (const hole of holes) {
      for (let sequence = hole.from; sequence <= hole.to; sequence++) {
        const isWaiting = waiting.some(
          (each) => each.stream === stream && each.sequence === sequence,
        );
        if (!isWaiting) lost++;
      }
    }
    doubled += (atHub?.doubled ?? 0) + Math.max(0, highest - signed);
  }
  return {
    alertsSigned: withoutBeginning(signedBy.get(STREAM_ALERTS)),
    alertsVerified: withoutBeginning(verifiedBy.get(STREAM_ALERTS)),
    summariesSigned: withoutBeginning(signedBy.get(STREAM_SUMMARIES)),
    summariesVerified: withoutBeginning(verifiedBy.get(STREAM_SUMMARIES)),
    outboxLeft: waiting.length,
    lost,
    doubled,
  };
}

/** Sequence 1 of a stream is `epochBegins`, which is neither a summary nor an alert. */
function withoutBeginning(count: number | undefined): number {
  return Math.max(0, (count ?? 0) - 1);
}

async function readHubStreams(plant: DemoPlant): Promise<readonly HubStream[]> {
  const words = [HUB, 'status', '--config', plant.hubConfig, '--json'];
  const { stdout } = await promisify(execFile)(process.execPath, words);
  const answer: unknown = JSON.parse(stdout);
  if (typeof answer === 'object' && answer !== null && 'streams' in answer) {
    if (Array.isArray(answer.streams)) return answer.streams;
  }
  throw new Error(`the hub's status is not what was expected: ${stdout.slice(0, 200)}`);
}

export function verdictText(result: DemoResult, directory: string | undefined): string {
  const isGood = result.lost === 0 && result.doubled === 0;
  const source = result.captureSource === 'live' ? 'live from lo' : 'from the kept capture';
  const cuts = result.linkCuts === 1 ? 'once' : `${result.linkCuts} times`;
  const lines = [
    '',
    `captured  ${result.framesCaptured} frames ${source}, ${result.framesDropped} dropped`,
    `decoded   ${result.modbusTransactions} Modbus and ${result.opcuaTransactions} OPC UA ` +
      `transactions, ${result.observations} observations`,
    `signed    ${result.summariesSigned} summaries and ${result.alertsRaised} alerts ` +
      '(counted in agent.db)',
    `verified  ${result.summariesVerified} summaries and ${result.alertsVerified} alerts ` +
      '(counted in hub.db)',
    `link      cut ${cuts}, ${result.receiptsApplied} receipts applied, ` +
      `${result.outboxLeft} still waiting`,
    `verdict   lost ${result.lost}, doubled ${result.doubled}: ` +
      `${isGood ? 'nothing was lost' : 'NOT GOOD'}`,
    ...(directory === undefined ? [] : [`kept      ${directory}/agent.db and hub.db`]),
  ];
  return `${lines.join('\n')}\n`;
}
