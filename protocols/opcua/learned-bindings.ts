/**
 * What one exchange teaches about later ones: which node a client handle stands for, which item a
 * handle moved to, and the server's namespaces. Broken bodies teach as much as could be read.
 */
import type { ByteSpan, Digest } from '../decoded.ts';
import { decodeRequest, decodeResponse } from './service-body.ts';
import { isBad, type StatusCodeFields } from './status-code.ts';

/** Keeps nothing of a secret: none is needed here. */
const noDigest: Digest = { pseudonym: () => '', sha256: () => '' };

export interface LearnedItem {
  readonly subscriptionId: number;
  readonly clientHandle: number;
  readonly monitoredItemId: number;
  /** Absent in what ModifyMonitoredItems tells. */
  readonly nodeId?: string;
}

/** The items that the server accepted in a CreateMonitoredItems exchange. */
export function createdItems(request: ByteSpan, response: ByteSpan): readonly LearnedItem[] {
  const asked = decodeRequest('CreateMonitoredItems', request, noDigest);
  const results = decodeResponse('CreateMonitoredItems', response, noDigest)?.results;
  const { subscriptionId, itemsToCreate } = asked ?? {};
  if (subscriptionId === undefined) return [];
  const items: LearnedItem[] = [];
  for (const [index, { clientHandle, nodeId }] of (itemsToCreate ?? []).entries()) {
    const { statusCode, monitoredItemId = 0 } = results?.[index] ?? {};
    if (!isAccepted(statusCode) || clientHandle === undefined || nodeId === undefined) continue;
    items.push({ subscriptionId, clientHandle, monitoredItemId, nodeId });
  }
  return items;
}

/** The handles that items have after a ModifyMonitoredItems exchange. */
export function modifiedItems(request: ByteSpan, response: ByteSpan): readonly LearnedItem[] {
  const asked = decodeRequest('ModifyMonitoredItems', request, noDigest);
  const results = decodeResponse('ModifyMonitoredItems', response, noDigest)?.results;
  const { subscriptionId, itemsToModify } = asked ?? {};
  if (subscriptionId === undefined) return [];
  const items: LearnedItem[] = [];
  for (const [index, { clientHandle, monitoredItemId }] of (itemsToModify ?? []).entries()) {
    if (!isAccepted(results?.[index]?.statusCode)) continue;
    if (clientHandle === undefined || monitoredItemId === undefined) continue;
    items.push({ subscriptionId, clientHandle, monitoredItemId });
  }
  return items;
}

/** Aliases that the server gave in a RegisterNodes exchange, each with its node. */
export function registeredNodes(
  request: ByteSpan,
  response: ByteSpan,
): readonly (readonly [alias: string, nodeId: string])[] {
  const asked = decodeRequest('RegisterNodes', request, noDigest)?.nodesToRegister ?? [];
  const given = decodeResponse('RegisterNodes', response, noDigest)?.registeredNodeIds ?? [];
  return given.flatMap((alias, index) => {
    const nodeId = asked[index];
    return nodeId === undefined || nodeId === alias ? [] : [[alias, nodeId] as const];
  });
}

const NAMESPACE_ARRAY = 'i=2255';
const VALUE = 13;
/** A client asks for it in a Read of a few nodes; larger ones aren't looked at. */
const LOOKED_AT_BYTES_MAX = 256;
/** Type id, header and the fields before the nodes take more. */
const BYTES_BEFORE_NODES = 40;
const NAMESPACE_ARRAY_LOW = 2255 & 0xff;
const NAMESPACE_ARRAY_HIGH = 2255 >> 8;

/** Might the Read ask for the NamespaceArray? A look at bytes, before anything is decoded. */
export function mayReadNamespaces(request: ByteSpan): boolean {
  const { bytes, offset, length } = request;
  if (length > LOOKED_AT_BYTES_MAX) return false;
  const end = offset + length - 1;
  for (let at = offset + BYTES_BEFORE_NODES; at < end; at++) {
    if (bytes[at] === NAMESPACE_ARRAY_LOW && bytes[at + 1] === NAMESPACE_ARRAY_HIGH) return true;
  }
  return false;
}

/** URIs by index, where a Read exchange brought the server's NamespaceArray. */
export function readNamespaces(
  request: ByteSpan,
  response: ByteSpan,
): readonly string[] | undefined {
  const asked = decodeRequest('Read', request, noDigest)?.nodesToRead ?? [];
  const index = asked.findIndex(({ nodeId, attributeId }) => {
    return nodeId === NAMESPACE_ARRAY && attributeId === VALUE;
  });
  if (index < 0) return undefined;
  const variant = decodeResponse('Read', response, noDigest)?.results?.[index]?.value;
  if (variant?.type !== 'String' || !Array.isArray(variant.value)) return undefined;
  return variant.value.filter((uri) => typeof uri === 'string');
}

/** What a server offers: which modes (by number) go with each policy, as a mask of `1 << mode`. */
export function offeredModes(response: ByteSpan): ReadonlyMap<string, number> {
  const endpoints = decodeResponse('GetEndpoints', response, noDigest)?.endpoints ?? [];
  const modes = new Map<string, number>();
  for (const { securityPolicyUri, securityMode } of endpoints) {
    if (securityPolicyUri === undefined || modes.size >= POLICIES_MAX) continue;
    const bit = 1 << OFFERED_MODES.indexOf(String(securityMode));
    modes.set(securityPolicyUri, (modes.get(securityPolicyUri) ?? 0) | bit);
  }
  return modes;
}

/** Position is the bit of `offeredModes`. */
export const OFFERED_MODES: readonly string[] = ['Invalid', 'None', 'Sign', 'SignAndEncrypt'];
const POLICIES_MAX = 16;

function isAccepted(status: StatusCodeFields | undefined): boolean {
  return status !== undefined && !isBad(status.code);
}
