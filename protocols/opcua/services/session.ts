/**
 * Session services (OPC 10000-4 §5.6). Passwords, issued tokens, nonces and signatures never become
 * values here: a record says that they are there, how long they are and by which algorithm.
 */
import type { ByteReader } from '../byte-reader.ts';
import { certificate, compared } from '../certificate.ts';
import { diagnosticInfo } from '../diagnostic-info.ts';
import { extensionObject, type UnknownExtensionObject } from '../extension-object.ts';
import { nodeId, secretNodeId } from '../node-id.ts';
import { boolean, duration, uint32 } from '../scalars.ts';
import { GOOD, statusCode } from '../status-code.ts';
import { arrayOf, type Decoder, named, skipped, structure } from '../structure.ts';
import { byteStringLength, guardedString, pseudonym, secretLength } from '../text.ts';
import {
  applicationDescription,
  ENDPOINT_DESCRIPTION_BYTES_MIN,
  endpointDescription,
} from './discovery.ts';

/** SignatureData: the algorithm's URI; the signature itself is left behind. */
const signatureAlgorithm: Decoder<string | undefined> = (reader) => {
  const algorithm = named(reader, 'algorithm', guardedString);
  named(reader, 'signature', secretLength);
  return algorithm;
};

/** SignedSoftwareCertificate: of no use since 1.04. */
const softwareCertificates = skipped(
  arrayOf(structure({ data: skipped(byteStringLength), signature: skipped(secretLength) }), 8, {}),
);

const createSessionFields = structure({
  clientDescription: applicationDescription,
  serverUri: guardedString,
  endpointUrl: guardedString,
  sessionName: guardedString,
  clientNonceBytes: secretLength,
  clientCertificate: certificate,
  requestedSessionTimeoutMs: duration,
  maxResponseMessageSizeBytes: uint32,
});

export function createSessionRequest(reader: ByteReader): ReturnType<typeof createSessionFields> {
  const fields = createSessionFields(reader);
  const { clientDescription, clientCertificate } = fields;
  if (clientCertificate === undefined) return fields;
  const { applicationUri } = clientDescription ?? {};
  return { ...fields, clientCertificate: compared(clientCertificate, applicationUri) };
}

export const createSessionResponse = structure({
  sessionId: nodeId,
  authenticationToken: secretNodeId,
  revisedSessionTimeoutMs: duration,
  serverNonceBytes: secretLength,
  serverCertificate: certificate,
  serverEndpoints: arrayOf(endpointDescription, ENDPOINT_DESCRIPTION_BYTES_MIN, {}),
  serverSoftwareCertificates: softwareCertificates,
  signatureAlgorithm,
  maxRequestMessageSizeBytes: uint32,
});

/** OPC 10000-4 §7.41. */
export interface UserIdentityToken {
  readonly tokenType: 'Anonymous' | 'UserName' | 'Certificate' | 'IssuedToken';
  readonly policyId?: string;
  /** `hash:` and a pseudonym. */
  readonly userName?: string;
  readonly passwordPresent?: boolean;
  /** No algorithm was named and the bytes are no encrypted secret. */
  readonly passwordIsClearText?: boolean;
  readonly encryptionAlgorithm?: string;
  readonly certificate?: ReturnType<typeof certificate>;
  /** Length of the password or issued token as sent. */
  readonly tokenBytes?: number;
}

const ANONYMOUS = 321;
const USER_NAME = 324;
const CERTIFICATE = 327;
const ISSUED_TOKEN = 940;

const userIdentityBodies = {
  [ANONYMOUS]: (reader: ByteReader): UserIdentityToken => {
    return present({ tokenType: 'Anonymous', policyId: named(reader, 'policyId', guardedString) });
  },
  [USER_NAME]: userNameToken,
  [CERTIFICATE]: (reader: ByteReader): UserIdentityToken => {
    const policyId = named(reader, 'policyId', guardedString);
    const chain = named(reader, 'certificate', certificate);
    return present({ tokenType: 'Certificate', policyId, certificate: chain });
  },
  [ISSUED_TOKEN]: (reader: ByteReader): UserIdentityToken => {
    const policyId = named(reader, 'policyId', guardedString);
    const tokenBytes = named(reader, 'token', secretLength);
    const encryptionAlgorithm = named(reader, 'encryptionAlgorithm', guardedString);
    return present({ tokenType: 'IssuedToken', policyId, tokenBytes, encryptionAlgorithm });
  },
};

/**
 * One of another type is only named: its body may be a secret and is masked whole. So is one whose
 * certificate is none: its type may be what was damaged.
 */
export function userIdentityToken(
  reader: ByteReader,
): UserIdentityToken | UnknownExtensionObject | undefined {
  const start = reader.position;
  const token = extensionObject<UserIdentityToken>(reader, userIdentityBodies);
  if (token === undefined) return token;
  if (!('tokenType' in token) || token.certificate?.parseError !== undefined) {
    reader.markSecret(start, reader.position - start);
  }
  return token;
}

const activateSessionFields = structure({
  clientSignatureAlgorithm: signatureAlgorithm,
  clientSoftwareCertificates: softwareCertificates,
  localeIds: arrayOf(guardedString, 4, ''),
  userIdentityToken,
  userTokenSignatureAlgorithm: signatureAlgorithm,
});

/** Where one byte of a login is wrong, its texts may be anything, a signature too: none is told. */
export function activateSessionRequest(
  reader: ByteReader,
): ReturnType<typeof activateSessionFields> {
  const start = reader.position;
  const fields = activateSessionFields(reader);
  if (reader.status !== 'malformed' && reader.bytesLeft === 0) return fields;
  reader.markSecret(start, reader.end - start);
  const { userIdentityToken: token } = fields;
  if (token === undefined || !('tokenType' in token)) return {};
  const { policyId: _, encryptionAlgorithm: __, ...kept } = token;
  return { userIdentityToken: kept };
}

export const activateSessionResponse = structure({
  serverNonceBytes: secretLength,
  results: arrayOf(statusCode, 4, GOOD),
  diagnosticInfos: arrayOf(diagnosticInfo, 1, {}),
});

export const closeSessionRequest = structure({ deleteSubscriptions: boolean });

export const cancelRequest = structure({ requestHandle: uint32 });

export const cancelResponse = structure({ cancelCount: uint32 });

/** policyId, userName, password, encryptionAlgorithm (OPC 10000-4 §7.41.4). */
function userNameToken(reader: ByteReader): UserIdentityToken {
  const policyId = named(reader, 'policyId', guardedString);
  const userName = named(reader, 'userName', pseudonym);
  const isSecretEncrypted = beginsEncryptedSecret(reader);
  const tokenBytes = named(reader, 'password', secretLength);
  const isRead = !reader.isStopped;
  const encryptionAlgorithm = named(reader, 'encryptionAlgorithm', guardedString);
  const passwordPresent = isRead ? (tokenBytes ?? 0) > 0 : undefined;
  const passwordIsClearText =
    reader.isStopped || passwordPresent === undefined
      ? undefined
      : passwordPresent && (encryptionAlgorithm ?? '') === '' && !isSecretEncrypted;
  return present({
    tokenType: 'UserName',
    policyId,
    userName,
    passwordPresent,
    passwordIsClearText,
    encryptionAlgorithm,
    tokenBytes,
  });
}

/** Behind the length: NodeId i=17545 or i=17546, and a binary body. */
const RSA_ENCRYPTED_SECRET = 0x89;
const ECC_ENCRYPTED_SECRET = 0x8a;

/**
 * RsaEncryptedSecret and EccEncryptedSecret name no algorithm beside them (OPC 10000-4 §7.41.2):
 * they begin with their own type id.
 */
function beginsEncryptedSecret(reader: ByteReader): boolean {
  const { bytes, position: at } = reader;
  if (reader.bytesLeft < 9) return false;
  const isKnown = bytes[at + 6] === RSA_ENCRYPTED_SECRET || bytes[at + 6] === ECC_ENCRYPTED_SECRET;
  return (
    isKnown &&
    bytes[at + 4] === 1 &&
    bytes[at + 5] === 0 &&
    bytes[at + 7] === 0x44 &&
    bytes[at + 8] === 1
  );
}

/** Leaves out what was not there. */
function present(
  token: {
    readonly [K in keyof UserIdentityToken]: UserIdentityToken[K] | undefined;
  },
): UserIdentityToken {
  const made = Object.fromEntries(Object.entries(token).filter(([, value]) => value !== undefined));
  // Every key is one of the token's, and `tokenType` is always given.
  return made as unknown as UserIdentityToken;
}
