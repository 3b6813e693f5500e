/** `fieldtap advisories [acknowledge]`: the hub's warnings at this site, and who has read them. */

import { OperatorFault } from '../platform/operator-fault.ts';
import { escapeText } from '../platform/wire-text.ts';
import type { AdvisoryView } from '../uplink/advisory-desk.ts';
import { ACKNOWLEDGE_PATH, ADVISORIES_PATH } from '../uplink-actions.ts';
import { controlAction } from './control-client.ts';
import { socketOf } from './site-socket.ts';

export interface AdvisoriesOptions {
  readonly config: string;
  readonly socket?: string;
  readonly json: boolean;
}

export async function advisories(options: AdvisoriesOptions): Promise<number> {
  const answer = await asked<{ advisories: readonly AdvisoryView[] }>(options, ADVISORIES_PATH, {});
  const list = answer.advisories;
  if (options.json) process.stdout.write(`${JSON.stringify(answer)}\n`);
  else if (list.length === 0) process.stdout.write('no advisory has reached this site\n');
  else process.stdout.write(`${list.map(advisoryText).join('\n\n')}\n`);
  return 0;
}

export async function acknowledgeAdvisory(
  advisoryId: string,
  options: AdvisoriesOptions & { readonly by?: string },
): Promise<number> {
  const facts = { advisoryId, ...(options.by !== undefined && { by: options.by }) };
  const answer = await asked<{ advisory: AdvisoryView }>(options, ACKNOWLEDGE_PATH, facts);
  const { revision } = answer.advisory;
  const text = `advisory ${advisoryId} (revision ${revision}) acknowledged; the hub is told`;
  process.stdout.write(`${options.json ? JSON.stringify(answer) : escapeText(text)}\n`);
  return 0;
}

/** One advisory as a person reads it. */
export function advisoryText(view: AdvisoryView): string {
  const { advisoryId, revision, tlp, headline, advice, issuedMs, expiresMs } = view;
  const day = (timeMs: number): string => new Date(timeMs).toISOString().slice(0, 16);
  const seen = view.seen;
  const met = seen && [
    ...seen.addresses,
    ...seen.functionCodes.map((code) => `function code ${code}`),
    ...seen.unitIds.map((unitId) => `unit ${unitId}`),
    ...seen.nodeIds,
  ];
  const { acknowledged } = view;
  const by = acknowledged?.by === undefined ? '' : ` by ${escapeText(acknowledged.by)}`;
  const read = acknowledged ? `acknowledged ${day(acknowledged.atMs)}${by}` : 'not acknowledged';
  const state = view.isExpired ? 'EXPIRED' : read;
  return [
    `${escapeText(advisoryId)}, revision ${revision}   TLP:${tlp}   ${state}`,
    `  ${escapeText(headline)}`,
    `  issued ${day(issuedMs)}, expires ${day(expiresMs)} (UTC)`,
    met === undefined
      ? '  not applicable: none of its indicators was seen here'
      : `  SEEN HERE: ${met.slice(0, 10).map(escapeText).join(', ')}`,
    ...advice.split('\n').map((line) => `  ${escapeText(line)}`),
  ].join('\n');
}

async function asked<T>(options: AdvisoriesOptions, path: string, facts: object): Promise<T> {
  const socketPath = socketOf(options);
  const body = new TextEncoder().encode(JSON.stringify(facts));
  const answer = await controlAction(socketPath, path, body);
  if (answer === undefined) {
    throw new OperatorFault({
      code: 'AGENT_NOT_RUNNING',
      problem: `No agent answers on "${socketPath}".`,
      remedy: 'Start it with "fieldtap run --config FILE", or name its socket with --socket.',
    });
  }
  // Both ends are the same program; the action of this path answers this.
  return answer as T;
}
