/**
 * Takes what the analyzers hand on and makes the record of it, as `replay --records` would: most of
 * protocols/ runs only when somebody wants the fields.
 */
import type { DecodeSink } from '../../protocols/decode-sink.ts';
import type { Digest } from '../../protocols/decoded.ts';
import { modbusRecordFields } from '../../protocols/modbus/record.ts';
import { opcuaTransactionFields, opcuaTransportFields } from '../../protocols/opcua/record.ts';
import { isSecretBearing, secretSpans } from '../../protocols/opcua/secret-spans.ts';

export const DIGEST: Digest = { pseudonym: () => 'p', sha256: () => 's' };

export const RECORDING_SINK: DecodeSink = {
  modbusTransaction: (transaction) => {
    modbusRecordFields(transaction, { digest: DIGEST });
  },
  opcuaTransaction: (transaction) => {
    opcuaTransactionFields(transaction, DIGEST);
    const { body, typeId } = transaction.request;
    if (isSecretBearing(typeId)) secretSpans(body, typeId);
  },
  opcuaTransportMessage: (message) => {
    opcuaTransportFields(message, DIGEST);
  },
  malformed: () => {},
  gap: () => {},
  flowEnded: () => {},
};
