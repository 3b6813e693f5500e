/**
 * BuildInfo (OPC 10000-5 §12.4): who made a server, what it is, and its revision. It travels inside
 * an ExtensionObject, alone (i=2260) or within ServerStatusDataType (§12.10, i=2256), and records
 * name such objects without entering them. Whoever wants to know asks here, once one was seen.
 */
import type { ByteSpan, Digest } from '../decoded.ts';
import { ByteReader } from './byte-reader.ts';
import { dateTime } from './date-time.ts';
import { extensionObject } from './extension-object.ts';
import { int32 } from './scalars.ts';
import { readServiceBody } from './service-body.ts';
import { structure } from './structure.ts';
import { string } from './text.ts';
import type { DataValueFields } from './variant.ts';

/** Ids of namespace 0 of their binary encodings. */
const BUILD_INFO = 340;
const SERVER_STATUS = 864;
/** Masks of a DataValue and of its Variant stand before the object. */
const MASKS_BYTES = 2;
const CLIENT_HANDLE_BYTES = 4;

export interface BuildInfo {
  readonly productUri?: string | undefined;
  readonly manufacturerName?: string | undefined;
  readonly productName?: string | undefined;
  readonly softwareVersion?: string | undefined;
  readonly buildNumber?: string | undefined;
  readonly buildDate?: string | undefined;
}

/** A BuildInfo and where it stood. */
export interface SeenBuildInfo {
  /** Of the result in a Read response, or of the notification in its list. */
  readonly index: number;
  /** Of the monitored item, in a Publish response. */
  readonly clientHandle: number | undefined;
  readonly buildInfo: BuildInfo;
}

const buildInfo = structure({
  productUri: string,
  manufacturerName: string,
  productName: string,
  softwareVersion: string,
  buildNumber: string,
  buildDate: dateTime,
});

const serverStatus = structure({
  startTime: dateTime,
  currentTime: dateTime,
  state: int32,
  buildInfo,
});

const KNOWN = {
  [BUILD_INFO]: (reader: ByteReader) => ({ buildInfo: buildInfo(reader) }),
  [SERVER_STATUS]: serverStatus,
};

/** Whether a value that was decoded is one of these objects. */
export function holdsBuildInfo({ value: variant }: DataValueFields): boolean {
  const value = variant?.value;
  if (typeof value !== 'object' || value === null || !('typeName' in value)) return false;
  return value.typeName === 'BuildInfo' || value.typeName === 'ServerStatusDataType';
}

/** Those of a Read or Publish response; the body is read once more for it. Never throws. */
export function buildInfosIn(body: ByteSpan, digest: Digest): readonly SeenBuildInfo[] {
  const seen: SeenBuildInfo[] = [];
  const reader = new ByteReader(body, true, digest);
  reader.trace = {
    value(_, name, at, value) {
      if (!name.startsWith('[') || typeof value !== 'object' || value === null) return;
      // What has no `value` with a type inside is left out by `holdsBuildInfo`.
      const item = value as DataValueFields & { readonly clientHandle?: number };
      if (!holdsBuildInfo(item)) return;
      const { clientHandle } = item;
      const handle = clientHandle === undefined ? 0 : CLIENT_HANDLE_BYTES;
      const found = read(reader, at + handle + MASKS_BYTES);
      if (found === undefined) return;
      seen.push({ index: Number(name.slice(1, -1)), clientHandle, buildInfo: found });
    },
  };
  readServiceBody(reader);
  return seen;
}

function read(outer: ByteReader, offset: number): BuildInfo | undefined {
  const span = { bytes: outer.bytes, offset, length: outer.end - offset };
  const object = extensionObject(new ByteReader(span, true, outer.digest), KNOWN);
  return object !== undefined && 'buildInfo' in object ? object.buildInfo : undefined;
}
