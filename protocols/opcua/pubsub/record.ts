/** The protocol's part of a record of PubSub (docs/fields 2.9), with `anomalies` and `decode`. */
import type { Digest } from '../../decoded.ts';
import { ByteReader } from '../byte-reader.ts';
import { BODY_BYTES_DECODED_MAX } from '../limits.ts';
import type { OpcuaRecordFields } from '../record.ts';
import type { OpcuaNetworkMessage } from '../transaction.ts';
import { networkMessage } from './network-message.ts';

/** Name beside HEL, ACK and the others, so that a reader of records can tell them apart. */
const MESSAGE_TYPE = 'UADP';

export function networkMessageFields(
  { message, transport }: OpcuaNetworkMessage,
  digest: Digest,
): OpcuaRecordFields {
  const isTruncated = message.length > BODY_BYTES_DECODED_MAX;
  const length = Math.min(message.length, BODY_BYTES_DECODED_MAX);
  const reader = new ByteReader({ ...message, length }, isTruncated, digest);
  const fields = networkMessage(reader);
  const { status, faults, anomalies } = reader;
  const isClosed = fields?.securityHeader?.encrypted === true || fields?.chunk === true;
  return {
    messageType: MESSAGE_TYPE,
    messageSizeBytes: message.length,
    transport,
    ...fields,
    anomalies,
    decode: {
      status: status === 'ok' && isClosed ? 'partial' : status,
      confidence: 1,
      ...(faults.length > 0 && { faults }),
    },
  };
}
