/** Messages in words, for who reads the trace of a failure. */
import type { AgentMessage } from '../../protocols/uplink/messages.ts';
import { openAgentMessage, openReceipt, openRequest } from '../../protocols/uplink/open.ts';
import { verificationKey } from '../../protocols/uplink/signature.ts';
import { receiptTopic, requestTopic } from '../../protocols/uplink/topics.ts';
import { AGENT_ID, AGENT_KEY, HUB_KEY } from './keys.ts';

/** A receipt or a request of the hub. */
export function describeReceipt(bytes: Uint8Array): string {
  const { algorithm, publicKey } = HUB_KEY.signer;
  const key = verificationKey(algorithm, publicKey);
  const receipt = openReceipt(bytes, () => key, AGENT_ID, receiptTopic(AGENT_ID));
  if (receipt.kind === 'opened') {
    const { epoch, stream, cumulative, have, receiptSerial, hubEpoch } = receipt.receipt;
    const ranges = have.map(({ from, to }) => `${from}-${to}`).join(' ');
    return `receipt ${receiptSerial} of ${hubEpoch}: ${epoch}/${stream} to ${cumulative} ${ranges}`;
  }
  const request = openRequest(bytes, () => key, AGENT_ID, requestTopic(AGENT_ID));
  if (request.kind !== 'opened') return `unreadable: ${receipt.reason}`;
  const { requestSerial, hubEpoch, resend, evidence } = request.message;
  return `request ${requestSerial} of ${hubEpoch}: ${JSON.stringify({ resend, evidence })}`;
}

export function describeMessage(bytes: Uint8Array): string {
  const { algorithm, publicKey } = AGENT_KEY.signer;
  const key = verificationKey(algorithm, publicKey);
  const opened = openAgentMessage(bytes, () => key);
  if (opened.kind !== 'opened') return `unreadable: ${opened.reason}`;
  const { kind, epoch, stream, sequence } = opened.message;
  return `${kind} ${epoch}/${stream}/${sequence} ${detailOf(opened.message)}`;
}

function detailOf(message: AgentMessage): string {
  switch (message.kind) {
    case 'statement':
      return `${message.code} ${message.epochOf}/${message.streamOf}/${message.from}-${message.to}`;
    case 'tombstone':
      return `of ${message.epochOf}/${message.from}-${message.to}`;
    case 'epochBegins':
      return `${message.reason} after ${message.previousEpoch}`;
    case 'alert':
      return message.detectionId;
    default:
      return '';
  }
}
