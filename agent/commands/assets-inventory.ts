/**
 * The devices as an inventory in the form of CycloneDX 1.6 (components of type `device`), so that
 * asset management can take it in. Every fact keeps its source, time and confidence as evidence.
 */
import type { AssetNote } from '../../buffer/state-store.ts';
import type { AssetFact } from '../observe/asset-facts.ts';
import type { Asset } from '../observe/asset-list.ts';
import { PROGRAM_VERSION } from '../version.ts';

/** Facts that say the same under another name, the surest first. */
const VENDOR = ['vendorName', 'manufacturerName', 'macVendor'];
const PRODUCT = ['productName', 'modelName', 'productCode', 'applicationName', 'systemName'];
const VERSION = ['majorMinorRevision', 'softwareVersion'];

export function inventoryOf(
  assets: readonly Asset[],
  notes: readonly AssetNote[],
): Readonly<Record<string, unknown>> {
  const byId = new Map(notes.map((note) => [note.assetId, note]));
  return {
    bomFormat: 'CycloneDX',
    specVersion: '1.6',
    version: 1,
    metadata: {
      tools: { components: [{ type: 'application', name: 'fieldtap', version: PROGRAM_VERSION }] },
    },
    components: assets.map((asset) => componentOf(asset, byId.get(asset.assetId))),
  };
}

function componentOf(asset: Asset, note: AssetNote | undefined): Record<string, unknown> {
  const vendor = firstOf(asset.facts, VENDOR);
  const product = firstOf(asset.facts, PRODUCT);
  const version = firstOf(asset.facts, VERSION);
  const properties = [
    ...asset.addresses.map((value) => ({ name: 'fieldtap:address', value })),
    ...(asset.macAddress === undefined
      ? []
      : [{ name: 'fieldtap:macAddress', value: asset.macAddress }]),
    ...(asset.unitId === undefined
      ? []
      : [{ name: 'fieldtap:unitId', value: String(asset.unitId) }]),
    ...asset.roles.map((value) => ({ name: 'fieldtap:role', value })),
    ...(note?.name === undefined ? [] : [{ name: 'fieldtap:engineerName', value: note.name }]),
    ...(note?.note === undefined ? [] : [{ name: 'fieldtap:engineerNote', value: note.note }]),
    ...asset.facts.flatMap(factProperties),
  ];
  return {
    type: 'device',
    'bom-ref': asset.assetId,
    name: product ?? asset.assetId,
    ...(version !== undefined && { version }),
    ...(vendor !== undefined && { manufacturer: { name: vendor } }),
    properties,
  };
}

function firstOf(facts: readonly AssetFact[], names: readonly string[]): string | undefined {
  for (const name of names) {
    const fact = facts.find((each) => each.name === name);
    if (fact !== undefined) return String(fact.value);
  }
  return undefined;
}

function factProperties(fact: AssetFact): { name: string; value: string }[] {
  const { name, value, source, confidence } = fact;
  return [
    { name: `fieldtap:fact:${name}`, value: String(value) },
    { name: `fieldtap:fact:${name}:evidence`, value: `${source} ${confidence}` },
  ];
}
