/**
 * `fieldtap assets`: which devices there are, what each told about itself and who says so; as a
 * page, as JSON, as CSV, or as an inventory in the form of CycloneDX.
 */
import type { AssetNote } from '../../buffer/state-store.ts';
import { ASSET_NOTE_ROUTE } from '../asset-notes.ts';
import type { Asset } from '../observe/asset-list.ts';
import { OperatorFault } from '../platform/operator-fault.ts';
import { escapeJson, escapeTextShort } from '../platform/wire-text.ts';
import { inventoryOf } from './assets-inventory.ts';
import { controlAction } from './control-client.ts';
import { csvText } from './csv-text.ts';
import { askKnowledge, type KnowledgeOptions } from './knowledge-source.ts';
import { folded } from './knowledge-text.ts';
import { countText } from './replay-text-format.ts';
import { socketOf } from './site-socket.ts';

export interface AssetsOptions extends KnowledgeOptions {
  readonly cyclonedx: boolean;
}

export interface AssetNoteOptions {
  readonly config: string;
  readonly socket?: string;
  readonly name?: string;
  readonly note?: string;
}

const VALUE_CHARACTERS_MAX = 96;
/** What the line of a device says anyway. */
const SAID_ALREADY = ['protocol', 'macAddress', 'gatewayAddress'];

export async function assets(options: AssetsOptions): Promise<number> {
  const answer = await askKnowledge(options, { topic: 'assets' });
  // Both ends are the same program.
  const list = (answer.value.assets ?? []) as readonly Asset[];
  const { notes } = answer;
  const text = options.cyclonedx
    ? escapeJson(JSON.stringify(inventoryOf(list, notes)))
    : options.json
      ? escapeJson(JSON.stringify({ from: answer.from, notes, assets: list }))
      : options.csv
        ? csvOf(list, notes)
        : pageOf(list, notes);
  process.stdout.write(text.endsWith('\n') ? text : `${text}\n`);
  return 0;
}

/** Says something of a device; an empty text takes it away. */
export async function assetNote(assetId: string, options: AssetNoteOptions): Promise<number> {
  const { name, note } = options;
  if (name === undefined && note === undefined) {
    process.stderr.write('fieldtap: assets note needs --name TEXT or --note TEXT.\n');
    return 2;
  }
  const body = new TextEncoder().encode(JSON.stringify({ assetId, name, note }));
  const answer = await controlAction(socketOf(options), ASSET_NOTE_ROUTE, body);
  if (answer === undefined) {
    throw new OperatorFault({
      code: 'AGENT_NOT_RUNNING',
      problem: 'No agent answers on the control socket; notes are written by it alone.',
      remedy: 'Start it with "fieldtap run --config FILE", or name its socket with --socket.',
    });
  }
  process.stdout.write(`${escapeTextShort(assetId, VALUE_CHARACTERS_MAX)}: noted\n`);
  return 0;
}

function pageOf(list: readonly Asset[], notes: readonly AssetNote[]): string {
  if (list.length === 0) {
    return 'No device has been seen yet; "fieldtap doctor" says what the sensor hears.';
  }
  const byId = new Map(notes.map((each) => [each.assetId, each]));
  const count = (role: Asset['roles'][number]) =>
    list.filter(({ roles, assetId }) => roles.includes(role) && !assetId.includes('/')).length;
  const units = list.filter(({ assetId }) => assetId.includes('/')).length;
  const parts = [
    countText(count('client'), 'client'),
    countText(count('server'), 'server'),
    ...(units > 0 ? [`${countText(units, 'unit')} behind them`] : []),
    ...(count('router') > 0 ? [countText(count('router'), 'router')] : []),
  ];
  const title = `${countText(list.length, 'device')}: ${parts.join(', ')}`;
  return [title, ...list.flatMap((asset) => linesOf(asset, byId.get(asset.assetId)))].join('\n');
}

/** What each device is in a line, then what it told; units are indented under their gateway. */
function linesOf(asset: Asset, note: AssetNote | undefined): string[] {
  const { assetId, addresses, roles, unitId, macAddress, behindRouter, redundantWith } = asset;
  const isUnit = unitId !== undefined && assetId.endsWith(`/${unitId}`);
  const words = [
    ...(isUnit ? [] : [roles.length === 0 ? 'seen' : roles.join(' and ')]),
    ...(unitId === undefined ? [] : [`unit ${unitId}`]),
    ...(macAddress === undefined ? [] : [macAddress]),
    ...(addresses.length > 1 ? [`also ${addresses.slice(1).join(', ')}`] : []),
    ...(behindRouter === undefined ? [] : [`behind the router ${behindRouter}`]),
    ...(redundantWith === undefined ? [] : [`pair with ${redundantWith.join(', ')}`]),
  ];
  const indent = isUnit ? '  ' : '';
  const named = note?.name === undefined ? '' : ` "${shown(note.name)}"`;
  const lines = [`${indent}${shown(assetId)}${named}  ${words.join(', ')}`];
  if (note?.note !== undefined) lines.push(`${indent}    note: ${shown(note.note)}`);
  for (const [text, sources] of factsOf(asset)) {
    lines.push(`${indent}    ${text}  (${sources.join(', ')})`);
  }
  for (const { name, values } of asset.conflicts ?? []) {
    const told = values.map((value) => shown(String(value))).join(' and ');
    lines.push(`${indent}    CONFLICT: ${name} is ${told}`);
  }
  return lines.flatMap(folded);
}

/** The same value from several sources is one line. */
function factsOf({ facts }: Asset): ReadonlyMap<string, readonly string[]> {
  const byText = new Map<string, string[]>();
  for (const { name, value, source, confidence } of facts) {
    if (SAID_ALREADY.includes(name)) continue;
    const text = `${name}: ${shown(String(value))}`;
    const sure = confidence < 1 ? ` ${Math.round(confidence * 100)} %` : '';
    byText.set(text, [...(byText.get(text) ?? []), source + sure]);
  }
  return byText;
}

/** One line for each fact, so that a spreadsheet can filter; the note stands on each. */
function csvOf(list: readonly Asset[], notes: readonly AssetNote[]): string {
  const byId = new Map(notes.map((each) => [each.assetId, each]));
  const header = [
    'assetId',
    'addresses',
    'unitId',
    'macAddress',
    'roles',
    'engineerName',
    'engineerNote',
    'fact',
    'value',
    'source',
    'confidence',
    'firstSeen',
    'lastSeen',
  ];
  const rows = list.flatMap((asset) => {
    const note = byId.get(asset.assetId);
    const head = [
      asset.assetId,
      asset.addresses.join(' '),
      asset.unitId ?? '',
      asset.macAddress ?? '',
      asset.roles.join(' '),
      note?.name ?? '',
      note?.note ?? '',
    ];
    return asset.facts.map((fact) => [
      ...head,
      fact.name,
      fact.value,
      fact.source,
      fact.confidence,
      timeText(fact.firstSeenUs),
      timeText(fact.lastSeenUs),
    ]);
  });
  return csvText([header, ...rows]);
}

function timeText(timeUs: number): string {
  const date = new Date(timeUs / 1000);
  return Number.isNaN(date.getTime()) ? '' : date.toISOString();
}

function shown(text: string): string {
  return escapeTextShort(text, VALUE_CHARACTERS_MAX);
}
