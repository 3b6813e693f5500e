/**
 * Writes hub/test-vectors: `node hub/make-test-vectors.ts`. Keys and messages come from fixed
 * seeds, so a second run changes nothing; ES256 has chance in it, so of those the committed bytes
 * stay as long as they carry the same message.
 */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import type { AgentMessage, HubMessage } from '../protocols/uplink/messages.ts';
import {
  sealAdvisory,
  sealAgentMessage,
  sealReceipt,
  sealRenewedCertificate,
  sealRequest,
} from '../protocols/uplink/open.ts';
import type { Signer } from '../protocols/uplink/signature.ts';
import {
  advisoryTopic,
  certificateTopic,
  receiptTopic,
  requestTopic,
  streamTopic,
} from '../protocols/uplink/topics.ts';
import {
  ENCODING_CASES,
  type InvalidCase,
  MESSAGE_CASES,
  RULE_CASES,
  SIGNATURE_CASES,
} from './invalid-vectors.ts';
import { jsonOf, type TestVector } from './test-vector.ts';
import {
  ADVISORY_CASES,
  ALERT_CASES,
  CERTIFICATE_CASES,
  LOSS_CASES,
  RECEIPT_CASES,
  REQUEST_CASES,
  SUMMARY_CASES,
  type ValidCase,
} from './valid-vectors.ts';

const FOLDER = join(import.meta.dirname, 'test-vectors');

mkdirSync(FOLDER, { recursive: true });
write('summary.json', SUMMARY_CASES.map(validVector));
write('alert.json', ALERT_CASES.map(validVector));
write('receipt.json', RECEIPT_CASES.map(validVector));
write('loss.json', LOSS_CASES.map(validVector));
write('request.json', REQUEST_CASES.map(validVector));
write('certificate.json', CERTIFICATE_CASES.map(validVector));
write('advisory.json', ADVISORY_CASES.map(validVector));
write('invalid-signature.json', SIGNATURE_CASES.map(invalidVector));
write('invalid-encoding.json', ENCODING_CASES.map(invalidVector));
write('invalid-rule.json', RULE_CASES.map(invalidVector));
write('invalid-message.json', MESSAGE_CASES.map(invalidVector));

function validVector({ name, signer, message }: ValidCase<AgentMessage | HubMessage>): TestVector {
  const { topic, bytes } = sealed(signer, message);
  return {
    name,
    topic,
    algorithm: signer.algorithm,
    publicKeyHex: hex(signer.publicKey),
    messageHex: hex(bytes),
    valid: true,
    payload: jsonOf(message),
  };
}

function sealed(
  signer: Signer,
  message: AgentMessage | HubMessage,
): { readonly topic: string; readonly bytes: Uint8Array } {
  switch (message.kind) {
    case 'receipt':
      return { topic: receiptTopic(message.agentId), bytes: sealReceipt(signer, message) };
    case 'request':
      return { topic: requestTopic(message.agentId), bytes: sealRequest(signer, message) };
    case 'certificate': {
      const bytes = sealRenewedCertificate(signer, message);
      return { topic: certificateTopic(message.agentId), bytes };
    }
    case 'advisory':
      return { topic: advisoryTopic(message.sector), bytes: sealAdvisory(signer, message) };
    default: {
      const { agentId, stream } = message;
      return { topic: streamTopic(agentId, stream), bytes: sealAgentMessage(signer, message) };
    }
  }
}

function invalidVector(given: InvalidCase): TestVector {
  const { name, topic, deliveredTopic, signer, layer, reason } = given;
  return {
    name,
    topic,
    ...(deliveredTopic !== undefined && { deliveredTopic }),
    algorithm: signer.algorithm,
    publicKeyHex: hex(signer.publicKey),
    messageHex: hex(given.bytes),
    valid: layer === undefined,
    ...(layer !== undefined && { layer }),
    ...(reason !== undefined && { reason }),
  };
}

function write(file: string, vectors: readonly TestVector[]): void {
  const path = join(FOLDER, file);
  const kept = vectors.map((vector) => committed(path, vector) ?? vector);
  const lines = kept.map((vector) => JSON.stringify(vector)).join(',\n');
  writeFileSync(path, `[\n${lines}\n]\n`);
  process.stdout.write(`${file}: ${vectors.length}\n`);
}

/** The one that is there already, of ES256 and equal but for signature bytes. */
function committed(path: string, vector: TestVector): TestVector | undefined {
  if (vector.algorithm !== 'ES256' || !existsSync(path)) return undefined;
  const there: readonly TestVector[] = JSON.parse(readFileSync(path, 'utf8'));
  return there.find((old) => isDeepStrictEqual(withoutSignature(old), withoutSignature(vector)));
}

/** r||s are the last 64 bytes. */
function withoutSignature(vector: TestVector): unknown {
  return { ...vector, messageHex: vector.messageHex.slice(0, -128) };
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}
