/**
 * What can be seen of a secure channel from outside: its policy stands in OPN, its mode there or in
 * the first messages, and from both follows whether a body may be read (docs/fields 2.2). What
 * might be cipher text is never read as anything else.
 */
import type { Digest } from '../../protocols/decoded.ts';
import {
  POLICY_NONE,
  SECURITY_POLICY_URI_BYTES_MAX,
  securityPolicy,
} from '../../protocols/opcua/security-policy.ts';
import { decodeRequest, decodeServiceBody } from '../../protocols/opcua/service-body.ts';
import { looksLikeServiceBody } from '../../protocols/opcua/service-header.ts';
import type { BodyReadable, SecurityMode } from '../../protocols/opcua/transaction.ts';
import { SECURITY_HEADER, uint32 } from '../../protocols/opcua/transport.ts';
import type { FlowState } from './opcua-flow-state.ts';
import type { OpcuaMessage } from './opcua-message.ts';

const noDigest: Digest = { pseudonym: () => '', sha256: () => '' };

/** A new connection on the flow: nothing is known of its channel yet. */
export function forgetChannel(state: FlowState): void {
  state.policy = undefined;
  state.mode = undefined;
  state.modeSource = undefined;
}

/** Takes the policy from an OPN chunk; false where there is none to be read. */
export function learnPolicy(
  state: FlowState,
  bytes: Uint8Array,
  offset: number,
  length: number,
): boolean {
  if (length < SECURITY_HEADER + 4) return false;
  const uriBytes = uint32(bytes, offset + SECURITY_HEADER);
  const isThere = uriBytes > 0 && uriBytes <= SECURITY_POLICY_URI_BYTES_MAX;
  if (!isThere || SECURITY_HEADER + 4 + uriBytes > length) return false;
  const at = offset + SECURITY_HEADER + 4;
  let uri = '';
  for (let index = 0; index < uriBytes; index++) uri += String.fromCharCode(bytes[at + index]);
  if (state.policy?.uri !== uri) {
    forgetChannel(state);
    state.policy = securityPolicy(uri);
  }
  if (state.policy === POLICY_NONE) {
    state.mode = 'None';
    state.modeSource = 'opn';
  }
  return true;
}

/** Takes the one mode that the server offers with the policy; a message may prove it wrong. */
export function supposeMode(state: FlowState, offered: SecurityMode | undefined): void {
  if (offered === undefined || state.mode !== undefined) return;
  state.mode = offered;
  state.modeSource = 'endpoints';
}

/** Takes the mode from a request body of OpenSecureChannel that could be read. */
export function learnMode(state: FlowState, message: OpcuaMessage): void {
  if (state.policy === POLICY_NONE) return;
  const mode = decodeRequest('OpenSecureChannel', message.body, noDigest)?.securityMode;
  if (mode !== 'None' && mode !== 'Sign' && mode !== 'SignAndEncrypt') return;
  state.mode = mode;
  state.modeSource = 'opn';
}

/**
 * May the body at `at`, the first of a message, be read? Learns the mode from it where OPN didn't
 * show it; `isCertainStart`: no bytes were lost before it.
 */
export function isBodyReadable(
  state: FlowState,
  bytes: Uint8Array,
  at: number,
  end: number,
  isCertainStart: boolean,
): boolean {
  const isSupposed = state.modeSource === 'endpoints';
  if (!isSupposed && (state.mode === 'None' || state.mode === 'Sign')) return true;
  if (state.mode === 'SignAndEncrypt' && state.modeSource === 'opn') return false;
  const isClear = looksLikeServiceBody(bytes, at, end);
  if (state.policy !== undefined) {
    if (isClear) state.mode = 'Sign';
    else if (isCertainStart) state.mode = 'SignAndEncrypt';
    if (state.mode !== undefined) state.modeSource = 'message';
  }
  return isClear;
}

/** How sure `isReadable` is: known from OPN, or assumed from the bytes. */
export function readability(state: FlowState, isReadable: boolean): BodyReadable {
  if (state.policy === undefined) return isReadable ? 'assumedYes' : 'assumedNo';
  return isReadable ? 'yes' : 'no';
}

/** Bytes of signature behind the body of each chunk. */
export function signatureBytes(state: FlowState): number {
  if (state.mode !== 'Sign') return 0;
  return state.policy?.signatureBytes ?? state.channel.signatureBytes;
}

/** What a body that is read whole may leave behind: no signature, or one of these lengths. */
const SIGNATURE_BYTES: readonly number[] = [0, 16, 20, 32, 48];
const VOTES_NEEDED = 3;
const TRIES_MAX = 64;

/**
 * Learns from whole bodies how long the signatures of a channel are whose OPN wasn't seen: as soon
 * as three in a row leave the same number of bytes behind, mode and length are taken to be known.
 */
export function learnSignature(state: FlowState, message: OpcuaMessage): void {
  const { channel } = state;
  if (state.policy !== undefined || state.mode !== undefined) return;
  if (channel.signatureTries >= TRIES_MAX || message.chunksCount !== 1) return;
  channel.signatureTries++;
  const { status, bytesAfterBody } = decodeServiceBody(message.body, message.truncated, noDigest);
  if (status !== 'ok' || !SIGNATURE_BYTES.includes(bytesAfterBody)) {
    channel.signatureVotes = 0;
    return;
  }
  channel.signatureVotes =
    bytesAfterBody === channel.signatureBytes ? channel.signatureVotes + 1 : 1;
  channel.signatureBytes = bytesAfterBody;
  if (channel.signatureVotes < VOTES_NEEDED) return;
  state.mode = bytesAfterBody === 0 ? 'None' : 'Sign';
  state.modeSource = 'message';
}
