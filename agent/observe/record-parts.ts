/** Parts of a record that follow from its flow, or from which of its sides were seen. */
import type { Anomaly } from '../../protocols/decoded.ts';
import type { FlowFacts } from '../../protocols/flow.ts';
import type { ModbusTransaction } from '../../protocols/modbus/transaction.ts';

/** One side's moment: time in UTC µs (-1: not seen) and 1-based frame number (0: none). */
export interface Moment {
  readonly timeUs: number;
  readonly frameNumber: number;
}

export const NOT_SEEN: Moment = { timeUs: -1, frameNumber: 0 };

/**
 * A record without its other side, of a flow of which one direction alone was seen: nothing that
 * the peer says confirms what it is.
 */
export const ONE_SIDED_CONFIDENCE = 0.7;

/** Bytes never seen: of the flow, and of each side, so far. */
export function gapText(flow: FlowFacts): string {
  const { gapsCount, clientBytesMissed, serverBytesMissed } = flow;
  const bytesMissed = clientBytesMissed + serverBytesMissed;
  if (gapsCount === 0 && bytesMissed === 0) return '';
  return (
    `,"gapsCount":${gapsCount},"bytesMissed":${bytesMissed}` +
    `,"clientBytesMissed":${clientBytesMissed},"serverBytesMissed":${serverBytesMissed}`
  );
}

/** Of the frame that completed the record. */
export function redundancyText({ prp, hsr }: FlowFacts): string {
  const fields = { ...(prp !== undefined && { prp }), ...(hsr !== undefined && { hsr }) };
  return prp === undefined && hsr === undefined ? '' : `,${JSON.stringify(fields).slice(1, -1)}`;
}

export function momentsOf(message: Moment & { readonly fromClient: boolean }): [Moment, Moment] {
  return message.fromClient ? [message, NOT_SEEN] : [NOT_SEEN, message];
}

/** Absent live, where frames have no numbers. */
export function framesOf(request: Moment, response: Moment): { frames?: Record<string, number[]> } {
  const frames: Record<string, number[]> = {};
  if (request.frameNumber > 0) frames.request = [request.frameNumber];
  if (response.frameNumber > 0) frames.response = [response.frameNumber];
  return request.frameNumber > 0 || response.frameNumber > 0 ? { frames } : {};
}

/** A record that stands alone says whether the other side was ever heard. */
export function sidednessOf(flow: FlowFacts): { oneSided?: 'clientOnly' | 'serverOnly' } {
  if (flow.serverSegmentsCount === 0) return { oneSided: 'clientOnly' };
  if (flow.clientSegmentsCount === 0) return { oneSided: 'serverOnly' };
  return {};
}

/** 0..1, of a record that stands alone: `whole` where both sides of the flow were heard. */
export function confidenceOf(flow: FlowFacts, whole: number): number {
  const isOneSided = flow.serverSegmentsCount === 0 || flow.clientSegmentsCount === 0;
  return isOneSided && flow.line === undefined ? Math.min(whole, ONE_SIDED_CONFIDENCE) : whole;
}

/** On serial lines nobody answers unit 0 (MODBUS over Serial Line V1.02, section 2.1). */
function isBroadcast({ flow, unitId, requestPdu }: ModbusTransaction): boolean {
  const { transport } = flow;
  const isSerial = transport !== undefined && transport !== 'tls';
  return isSerial && unitId === 0 && requestPdu.length > 0;
}

export function statusOf(transaction: ModbusTransaction, anomalies: readonly Anomaly[]): string {
  if (anomalies.some((anomaly) => anomaly.name === 'pduTruncated')) return 'partial';
  if (transaction.matched || isBroadcast(transaction)) return 'ok';
  if (transaction.requestPdu.length > 0) return 'unmatchedRequest';
  return isCopy(anomalies) ? 'retransmission' : 'unmatchedResponse';
}

/** The same answer once more: the application repeats it, or a mirror shows it twice. */
function isCopy(anomalies: readonly Anomaly[]): boolean {
  const names = anomalies.map(({ name }) => name);
  return names.includes('responseDuplicate') && !names.includes('responseDuplicateDiffers');
}
