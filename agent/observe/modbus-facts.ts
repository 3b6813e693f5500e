/**
 * The rare side of Modbus: what a transaction tells beyond its counts. Nothing here runs for an
 * ordinary poll that was seen before.
 */
import type { Digest } from '../../protocols/decoded.ts';
import type { FrameEvidence } from '../../protocols/frame-block.ts';
import type { Observation } from '../../protocols/interval-report.ts';
import { REPORT_SERVER_ID } from '../../protocols/modbus/diagnostics.ts';
import { ENCAPSULATED_INTERFACE } from '../../protocols/modbus/encapsulated-interface.ts';
import { exceptionName } from '../../protocols/modbus/exceptions.ts';
import { ABSENT, byteAt, wordAt } from '../../protocols/modbus/pdu-bytes.ts';
import { decodeResponsePdu } from '../../protocols/modbus/response.ts';
import type { ModbusTransaction } from '../../protocols/modbus/transaction.ts';
import { UMAS } from '../../protocols/modbus/umas.ts';
import { readUmasIdentity } from '../../protocols/modbus/umas-identity.ts';
import type { AssetTable } from './asset-table.ts';
import type { DetectionCases } from './detection-cases.ts';
import { MODBUS_ANOMALY_RULES } from './detections/registry.ts';
import { collectEvidence, type EvidenceFrame } from './evidence.ts';
import type { ExceptionEdge } from './exception-watch.ts';
import { type ModbusWritePoint, modbusWritePoint } from './modbus-write.ts';
import type { ObservationLog } from './observation-log.ts';
import type { ObservedWrites } from './observed-writes.ts';

/** The form of the answer is known from other open decoders alone. */
const UMAS_CONFIDENCE = 0.6;

export interface FactsContext {
  readonly log: ObservationLog;
  readonly writes: ObservedWrites;
  readonly cases: DetectionCases;
  readonly assets: AssetTable;
  readonly digest: Digest;
  readonly evidence: FrameEvidence | undefined;
}

export class ModbusFacts {
  readonly #context: FactsContext;

  constructor(context: FactsContext) {
    this.#context = context;
  }

  newFunctionCode(transaction: ModbusTransaction): void {
    this.#context.log.add({
      ...envelope(transaction, 'newFunctionCode'),
      functionCode: transaction.functionCode,
    });
  }

  write(transaction: ModbusTransaction, row: number): void {
    const address = wordAt(transaction.requestPdu, 1);
    const functionCode = byteAt(transaction.requestPdu, 0);
    const isCoil = functionCode === 5 || functionCode === 15;
    const isPlain = (isCoil || functionCode === 6 || functionCode === 16) && address !== ABSENT;
    const { writes } = this.#context;
    if (isPlain && writes.again(row, isCoil, address)) return;
    const point = modbusWritePoint(transaction.requestPdu);
    if (point === undefined) return;
    const name = `${point.object} ${point.fileNumber ?? ''} ${point.address}`;
    this.#seeWrite(transaction, row, point, name);
    if (isPlain) writes.remember(row, isCoil, address, name);
  }

  #seeWrite(
    transaction: ModbusTransaction,
    row: number,
    point: ModbusWritePoint,
    name: string,
  ): void {
    const { object, address, quantity, value, fileNumber } = point;
    this.#context.writes.see(row, name, 'write', () => ({
      ...envelope(transaction, 'write'),
      functionCode: transaction.functionCode,
      address,
      ...(quantity === undefined ? {} : { quantity }),
      details: {
        object,
        ...(value === undefined ? {} : { value }),
        ...(fileNumber === undefined ? {} : { fileNumber }),
        outcome: outcomeOf(transaction),
      },
    }));
  }

  exception(transaction: ModbusTransaction, edge: ExceptionEdge): void {
    const code = edge.kind === 'stopped' ? edge.code : transaction.exceptionCode;
    this.#context.log.add({
      ...envelope(transaction, 'exception'),
      functionCode: transaction.functionCode,
      details: {
        state: edge.kind,
        exceptionCode: code,
        exceptionName: exceptionName(code),
        ...(edge.kind === 'stopped' ? { count: edge.count } : {}),
      },
    });
  }

  /**
   * What a device says of itself: its identification (43/14), joined object by object over as many
   * transactions as it takes, and its server id (17), as facts of the unit.
   */
  identify(transaction: ModbusTransaction): void {
    const { flow, unitId, responsePdu, requestPdu, responseTimeUs } = transaction;
    if (transaction.functionCode === UMAS) {
      this.#identifyByUmas(transaction);
      return;
    }
    const request = requestPdu.length > 0 ? requestPdu : undefined;
    const fields = decodeResponsePdu(responsePdu, request);
    const { assets } = this.#context;
    const tell = (name: string, value: string | number | undefined, source: string): void => {
      if (value === undefined) return;
      assets.unitFact(flow.server.ipAddress, unitId, name, value, source, responseTimeUs);
    };
    for (const { name, value } of fields.objects ?? []) {
      tell(name, value, 'modbus.readDeviceIdentification');
    }
    tell('conformityLevel', fields.conformityLevel, 'modbus.readDeviceIdentification');
    tell('serverId', fields.serverId, 'modbus.reportServerId');
    tell('serverIdText', fields.serverIdText, 'modbus.reportServerId');
    tell('runIndicatorStatus', fields.runIndicatorStatus, 'modbus.reportServerId');
  }

  /** What a controller of Schneider Electric says of itself; the form is not published. */
  #identifyByUmas({ flow, unitId, requestPdu, responsePdu, responseTimeUs }: ModbusTransaction) {
    const told = readUmasIdentity(requestPdu, responsePdu);
    for (const [name, value] of Object.entries(told ?? {})) {
      const { assets } = this.#context;
      const address = flow.server.ipAddress;
      assets.unitFact(address, unitId, name, value, 'modbus.umas', responseTimeUs, UMAS_CONFIDENCE);
    }
  }

  detect(transaction: ModbusTransaction, recordId: string): void {
    const { cases, evidence, digest } = this.#context;
    for (const rule of MODBUS_ANOMALY_RULES) {
      const finding = rule.detectModbus(transaction);
      if (finding === undefined) continue;
      const { flow, unitId } = transaction;
      cases.observe(finding, { flow, unitId, timeUs: timeOf(transaction) }, () =>
        collectEvidence([recordId], framesOf(transaction), evidence, digest),
      );
    }
  }
}

/** Functions that ask who the device is. */
export function isIdentifying(functionCode: number): boolean {
  return (
    functionCode === ENCAPSULATED_INTERFACE ||
    functionCode === REPORT_SERVER_ID ||
    functionCode === UMAS
  );
}

/** Answers that tell who the device is. */
export function isIdentification(transaction: ModbusTransaction): boolean {
  const { functionCode, responsePdu, exceptionCode } = transaction;
  return isIdentifying(functionCode) && responsePdu.length > 0 && exceptionCode === 0;
}

function outcomeOf(transaction: ModbusTransaction): string {
  if (transaction.responsePdu.length === 0) return 'unanswered';
  return transaction.exceptionCode === 0 ? 'done' : exceptionName(transaction.exceptionCode);
}

function timeOf(transaction: ModbusTransaction): number {
  const { requestTimeUs, responseTimeUs } = transaction;
  return requestTimeUs >= 0 ? requestTimeUs : responseTimeUs;
}

function envelope(transaction: ModbusTransaction, kind: Observation['kind']): Observation {
  const { client, server } = transaction.flow;
  return {
    kind,
    timeUs: timeOf(transaction),
    protocol: 'modbus',
    clientIpAddress: client.ipAddress,
    serverIpAddress: server.ipAddress,
    serverPort: server.port,
    unitId: transaction.unitId,
  };
}

/** Request, then response; one frame that carries both is taken once. */
function framesOf(transaction: ModbusTransaction): EvidenceFrame[] {
  const frames: EvidenceFrame[] = [];
  if (transaction.requestPdu.length > 0) {
    frames.push({
      address: transaction.requestFrameAddress,
      bytes: transaction.requestFrameBytes,
    });
  }
  if (
    transaction.responsePdu.length > 0 &&
    transaction.responseFrameAddress !== transaction.requestFrameAddress
  ) {
    frames.push({
      address: transaction.responseFrameAddress,
      bytes: transaction.responseFrameBytes,
    });
  }
  return frames;
}
