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
import { decodeRequest } from '../../protocols/opcua/service-body.ts';
import { looksLikeServiceBody } from '../../protocols/opcua/service-header.ts';
import type { BodyReadable } from '../../protocols/opcua/transaction.ts';
import { SECURITY_HEADER, uint32 } from '../../protocols/opcua/transport.ts';
import type { FlowState } from './opcua-flow-state.ts';
import type { OpcuaMessage } from './opcua-message.ts';

const noDigest: Digest = { pseudonym: () => '', sha256: () => '' };

/** A new connection on the flow: nothing is known of its channel yet. */
export function forgetChannel(state: FlowState): void {
  state.policy = undefined;
  state.mode = undefined;
  state.isModeDeclared = false;
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
    state.isModeDeclared = true;
  }
  return true;
}

/** Takes the mode from a request body of OpenSecureChannel that could be read. */
export function learnMode(state: FlowState, message: OpcuaMessage): void {
  if (state.policy === POLICY_NONE) return;
  const mode = decodeRequest('OpenSecureChannel', message.body, noDigest)?.securityMode;
  if (mode !== 'None' && mode !== 'Sign' && mode !== 'SignAndEncrypt') return;
  state.mode = mode;
  state.isModeDeclared = true;
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
  if (state.mode === 'None' || state.mode === 'Sign') return true;
  if (state.mode === 'SignAndEncrypt' && state.isModeDeclared) return false;
  const isClear = looksLikeServiceBody(bytes, at, end);
  if (state.policy !== undefined) {
    if (isClear) state.mode = 'Sign';
    else if (isCertainStart) state.mode = 'SignAndEncrypt';
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
  return state.mode === 'Sign' && state.policy !== undefined ? state.policy.signatureBytes : 0;
}
