/**
 * The one transaction object that the sink sees: filled from a waiting request and an arrived
 * message, and valid only during the call, so that an ordinary exchange allocates nothing.
 */
import type { Anomaly } from '../../protocols/decoded.ts';
import { NO_ANOMALIES } from '../../protocols/decoded.ts';
import type { FlowFacts } from '../../protocols/flow.ts';
import type {
  BodyReadable,
  MessageType,
  MonitoredItemBindings,
  OpcuaSide,
  OpcuaTransaction,
  SecurityMode,
  SecurityModeSource,
} from '../../protocols/opcua/transaction.ts';
import { emptySpan, type MutableSpan } from '../../protocols/opcua/transport.ts';
import type { OpcuaMessage } from './opcua-message.ts';
import type { PendingRequest } from './opcua-pending.ts';

export interface SideView extends OpcuaSide {
  present: boolean;
  messageType: MessageType;
  readonly body: MutableSpan;
  typeId: number;
  sequenceNumber: number;
  timeUs: number;
  messageBytes: number;
  chunksCount: number;
  frameNumber: number;
  frameAddress: number;
  frameBytes: number;
  truncated: boolean;
  securityHeader: MutableSpan | undefined;
}

export interface TransactionView extends OpcuaTransaction {
  flow: FlowFacts;
  secureChannelId: number;
  tokenId: number;
  securityMode: SecurityMode | undefined;
  securityModeSource: SecurityModeSource | undefined;
  securityPolicyUri: string | undefined;
  renewalsCount: number;
  channelOpenedAtUs: number;
  bodyReadable: BodyReadable;
  requestId: number;
  service: string;
  matched: boolean;
  readonly request: SideView;
  readonly response: SideView;
  serviceResult: number;
  rttUs: number;
  anomalies: readonly Anomaly[];
}

export function newTransactionView(
  flow: FlowFacts,
  bindings: MonitoredItemBindings,
): TransactionView {
  return {
    flow,
    secureChannelId: 0,
    tokenId: 0,
    securityMode: undefined,
    securityModeSource: undefined,
    securityPolicyUri: undefined,
    renewalsCount: 0,
    channelOpenedAtUs: 0,
    bodyReadable: 'yes',
    requestId: 0,
    service: '',
    matched: false,
    request: newSideView(),
    response: newSideView(),
    serviceResult: 0,
    rttUs: -1,
    bindings,
    anomalies: NO_ANOMALIES,
  };
}

const absentBytes = emptySpan().bytes;

export function clearSide(side: SideView): void {
  side.present = false;
  side.messageType = 'MSG';
  side.body.bytes = absentBytes;
  side.body.offset = 0;
  side.body.length = 0;
  side.typeId = 0;
  side.sequenceNumber = 0;
  side.timeUs = -1;
  side.messageBytes = 0;
  side.chunksCount = 0;
  side.frameNumber = 0;
  side.frameAddress = -1;
  side.frameBytes = 0;
  side.truncated = false;
  side.securityHeader = undefined;
}

export function fillFromPending(side: SideView, pending: PendingRequest): void {
  side.present = true;
  side.messageType = pending.messageType;
  side.body.bytes = pending.block ?? absentBytes;
  side.body.offset = pending.securityHeaderBytes;
  side.body.length = pending.block === undefined ? 0 : pending.bodyBytes;
  side.typeId = pending.typeId;
  side.sequenceNumber = pending.sequenceNumber;
  side.timeUs = pending.timeUs;
  side.messageBytes = pending.messageBytes;
  side.chunksCount = pending.chunksCount;
  side.frameNumber = pending.frameNumber;
  side.frameAddress = pending.frameAddress;
  side.frameBytes = pending.frameBytes;
  side.truncated = pending.truncated;
  side.securityHeader = undefined;
  if (pending.securityHeaderBytes > 0 && pending.block !== undefined) {
    const length = pending.securityHeaderBytes;
    side.securityHeader = { bytes: pending.block, offset: 0, length };
  }
}

export function fillFromMessage(side: SideView, message: OpcuaMessage): void {
  side.present = true;
  side.messageType = message.messageType;
  side.body.bytes = message.body.bytes;
  side.body.offset = message.body.offset;
  side.body.length = message.body.length;
  side.typeId = message.typeId;
  side.sequenceNumber = message.sequenceNumber;
  side.timeUs = message.timeUs;
  side.messageBytes = message.messageBytes;
  side.chunksCount = message.chunksCount;
  side.frameNumber = message.frameNumber;
  side.frameAddress = message.frameAddress;
  side.frameBytes = message.frameBytes;
  side.truncated = message.truncated;
  side.securityHeader = message.securityHeader.length > 0 ? message.securityHeader : undefined;
}

function newSideView(): SideView {
  return {
    present: false,
    messageType: 'MSG',
    body: emptySpan(),
    typeId: 0,
    sequenceNumber: 0,
    timeUs: -1,
    messageBytes: 0,
    chunksCount: 0,
    frameNumber: 0,
    frameAddress: -1,
    frameBytes: 0,
    truncated: false,
    securityHeader: undefined,
  };
}
