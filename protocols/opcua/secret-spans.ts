/**
 * Where in a body the bytes stand that nobody may keep (docs/fields 2.8), for the mask over
 * evidence frames; and what a login says about itself without them. The places come from the very
 * decoders that make the records, so that the two can't drift apart.
 */
import type { ByteSpan, Digest } from '../decoded.ts';
import { ByteReader, type SecretSpan } from './byte-reader.ts';
import { readServiceBody } from './service-body.ts';
import { ACTIVATE_SESSION_REQUEST, SIDE_RESPONSE, SIDE_UNKNOWN, sideOf } from './service-table.ts';
import type { UserIdentityToken } from './services/session.ts';

/** Makes no pseudonym: only places are wanted. */
const noDigest: Digest = { pseudonym: () => '', sha256: () => '' };

/** Services whose bodies carry secrets behind the header, by type id of both sides. */
const SECRET_BEARING = new Set([446, 449, 461, 464, ACTIVATE_SESSION_REQUEST, 470]);

/**
 * May the part of such a body that could not be read hold a secret? Then nothing of it may show:
 * every request begins with an authentication token, and an unknown body may be a request.
 */
export function isSecretBearing(typeId: number): boolean {
  return SECRET_BEARING.has(typeId) || sideOf(typeId) !== SIDE_RESPONSE;
}

/**
 * Spans, from the first byte of `body`, of passwords, issued tokens, user names, nonces,
 * signatures, continuation points and authentication tokens. Where a body that may hold secrets
 * breaks off or is of no known service, the rest of it is one span.
 */
export function secretSpans(body: ByteSpan, typeId: number): readonly SecretSpan[] {
  const reader = new ByteReader(body, false, noDigest);
  readServiceBody(reader);
  const fault = reader.faults.at(-1);
  if (reader.isStopped && fault !== undefined && isSecretBearing(typeId)) {
    reader.markSecret(reader.start + fault.offsetBytes, body.length - fault.offsetBytes);
  } else if (sideOf(typeId) === SIDE_UNKNOWN) {
    reader.markSecret(reader.position, reader.start + body.length - reader.position);
  }
  return reader.secrets;
}

/** What an ActivateSession request tells about its user; never the password. */
export type ActivateSessionFacts = Partial<Omit<UserIdentityToken, 'userName'>>;

/** Empty when the body is no ActivateSession request or breaks off before the token. */
export function activateSessionFacts(body: ByteSpan): ActivateSessionFacts {
  const decoded = readServiceBody(new ByteReader(body, true, noDigest));
  if (decoded.typeId !== ACTIVATE_SESSION_REQUEST) return {};
  // The row of ActivateSession gives `userIdentityToken` as this type, or one with `encoding`.
  const token = decoded.fields.userIdentityToken as UserIdentityToken | undefined;
  if (token === undefined || 'encoding' in token) return {};
  const { userName: _, ...facts } = token;
  return facts;
}
