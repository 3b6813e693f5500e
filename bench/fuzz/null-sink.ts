/**
 * Takes what the analyzers hand on and makes the record of it, as `replay --records` would: most of
 * protocols/ runs only when somebody wants the fields.
 */
import { isOrdinaryRecord } from '../../agent/observe/modbus-record-line.ts';
import { RecordWriter } from '../../agent/observe/record-writer.ts';
import type { DecodeSink } from '../../protocols/decode-sink.ts';
import type { Digest } from '../../protocols/decoded.ts';
import { modbusRecordFields } from '../../protocols/modbus/record.ts';
import { DATA_TYPES, RegisterMap, wordsOf } from '../../protocols/modbus/register-map.ts';
import { opcuaTransactionFields, opcuaTransportFields } from '../../protocols/opcua/record.ts';
import { OpcuaRecordMemory } from '../../protocols/opcua/record-memory.ts';
import { isSecretBearing, secretSpans } from '../../protocols/opcua/secret-spans.ts';
import { tlsRecordFields } from '../../protocols/tls/record-fields.ts';

export const DIGEST: Digest = { pseudonym: () => 'p', sha256: () => 's' };

const options = { interfaces: [], digest: DIGEST, sha1Base64: () => '', write: () => {} };
/** Writes ordinary Modbus the fast way, into nothing. */
const writer = new RecordWriter(options);
/** A value of each type on the registers that the seeds ask for, and on those behind. */
const registerMap = new RegisterMap(
  DATA_TYPES.map((dataType, type) => ({
    unitId: 1,
    object: type === 0 ? ('inputRegister' as const) : ('holdingRegister' as const),
    address: type === 0 ? 8 : 0x69 + type,
    name: dataType,
    dataType,
    wordOrder: type % 2 === 0 ? ('highFirst' as const) : ('lowFirst' as const),
    scale: type % 3 === 0 ? 0.1 : 1,
    words: dataType === 'string' ? 2 : wordsOf(dataType),
  })),
);
const mappedWriter = new RecordWriter({ ...options, registerMap });
const memory = new OpcuaRecordMemory();

export const RECORDING_SINK: DecodeSink = {
  modbusTransaction: (transaction) => {
    modbusRecordFields(transaction, { digest: DIGEST });
    if (isOrdinaryRecord(transaction)) writer.modbusTransaction(transaction);
    mappedWriter.modbusTransaction(transaction);
  },
  opcuaTransaction: (transaction) => {
    opcuaTransactionFields(transaction, DIGEST, memory);
    const { body, typeId } = transaction.request;
    if (isSecretBearing(typeId)) secretSpans(body, typeId);
  },
  opcuaTransportMessage: (message) => {
    opcuaTransportFields(message, DIGEST);
  },
  opcuaNetworkMessage: (message) => writer.opcuaNetworkMessage(message),
  malformed: () => {},
  notModbusOnModbusPort: (message) => writer.notModbusOnModbusPort(message),
  tlsConnection: (connection) => {
    tlsRecordFields(connection, DIGEST, memory.certificates);
  },
  gap: () => {},
  flowEnded: () => {},
};
