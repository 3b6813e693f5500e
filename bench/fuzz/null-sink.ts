/**
 * Takes what the analyzers hand on and makes the record of it, as `replay --records` would: most of
 * protocols/ runs only when somebody wants the fields.
 */
import { isOrdinaryRecord } from '../../agent/observe/modbus-record-line.ts';
import { RecordWriter } from '../../agent/observe/record-writer.ts';
import type { DecodeSink } from '../../protocols/decode-sink.ts';
import type { Digest } from '../../protocols/decoded.ts';
import { modbusRecordFields } from '../../protocols/modbus/record.ts';
import { opcuaTransactionFields, opcuaTransportFields } from '../../protocols/opcua/record.ts';
import { OpcuaRecordMemory } from '../../protocols/opcua/record-memory.ts';
import { isSecretBearing, secretSpans } from '../../protocols/opcua/secret-spans.ts';
import { tlsRecordFields } from '../../protocols/tls/record-fields.ts';

export const DIGEST: Digest = { pseudonym: () => 'p', sha256: () => 's' };

/** Writes ordinary Modbus the fast way, into nothing. */
const writer = new RecordWriter({
  interfaces: [],
  digest: DIGEST,
  sha1Base64: () => '',
  write: () => {},
});
const memory = new OpcuaRecordMemory();

export const RECORDING_SINK: DecodeSink = {
  modbusTransaction: (transaction) => {
    modbusRecordFields(transaction, { digest: DIGEST });
    if (isOrdinaryRecord(transaction)) writer.modbusTransaction(transaction);
  },
  opcuaTransaction: (transaction) => {
    opcuaTransactionFields(transaction, DIGEST, memory);
    const { body, typeId } = transaction.request;
    if (isSecretBearing(typeId)) secretSpans(body, typeId);
  },
  opcuaTransportMessage: (message) => {
    opcuaTransportFields(message, DIGEST);
  },
  malformed: () => {},
  notModbusOnModbusPort: (message) => writer.notModbusOnModbusPort(message),
  tlsConnection: (connection) => {
    tlsRecordFields(connection, DIGEST, memory.certificates);
  },
  gap: () => {},
  flowEnded: () => {},
};
