/**
 * The header of a service that is in no table (docs/fields 2.5): a vendor's own, or one of a later
 * edition. Every request begins with a RequestHeader and every response with a ResponseHeader
 * (OPC 10000-4 §7.33, §7.34); who sent the message tells which of the two it is. What stands behind
 * it is not looked at.
 */
import type { ByteSpan, Digest } from '../decoded.ts';
import { ByteReader } from './byte-reader.ts';
import { nodeId } from './node-id.ts';
import type { ServiceBody } from './service-body.ts';
import {
  looksLikeRequestHeader,
  looksLikeResponseHeader,
  requestHeader,
  responseHeader,
} from './service-header.ts';

/**
 * Nothing where these bytes can't be such a header, or end inside it: a guess must not look like a
 * fact.
 */
export function unknownServiceHeader(
  { bytes, offset, length }: ByteSpan,
  isRequest: boolean,
  digest: Digest,
): Pick<ServiceBody, 'requestHeader' | 'responseHeader'> {
  const reader = new ByteReader({ bytes, offset, length }, false, digest);
  nodeId(reader);
  const { position, end } = reader;
  if (isRequest) {
    if (!looksLikeRequestHeader(bytes, position, end)) return {};
    const header = requestHeader(reader);
    return reader.status === 'ok' ? { requestHeader: header } : {};
  }
  if (!looksLikeResponseHeader(bytes, position, end)) return {};
  const header = responseHeader(reader);
  return reader.status === 'ok' ? { responseHeader: header } : {};
}
