/**
 * What a connection agreed on (HEL, ACK, OPN) held against what its chunks do: buffer sizes,
 * channel, token and sequence numbers (OPC 10000-6 §7.1.2.3, §7.1.2.4, §6.7.2.4). After lost bytes
 * an agreement may be another one, so it is forgotten rather than held against anybody.
 */
import type { ByteSpan, Digest } from '../../protocols/decoded.ts';
import { CLIENT_TO_SERVER, type Direction, SERVER_TO_CLIENT } from '../../protocols/flow.ts';
import { decodeResponse } from '../../protocols/opcua/service-body.ts';
import * as transport from '../../protocols/opcua/transport.ts';
import type { ChannelState, FlowState, StreamState } from './opcua-flow-state.ts';
import { type OpcuaMessage, withAnomaly } from './opcua-message.ts';

const RECEIVE_BUFFER_SIZE = 12;
const SEND_BUFFER_SIZE = 16;
const MAX_CHUNK_COUNT = 24;
const AGREEMENT_BYTES = 28;
/** After the wrap the first number is below this (OPC 10000-6 §6.7.2.4). */
const WRAPPED_SEQUENCE_NUMBER_MAX = 1024;
const noDigest: Digest = { pseudonym: () => '', sha256: () => '' };

/** Takes what HEL or ACK says about sizes; ACK may offer no more than HEL did. */
export function learnSizes(
  channel: ChannelState,
  message: OpcuaMessage,
  bytes: Uint8Array,
  offset: number,
  kept: number,
): void {
  if (kept < AGREEMENT_BYTES) return;
  const receiveBytes = transport.uint32(bytes, offset + RECEIVE_BUFFER_SIZE);
  const sendBytes = transport.uint32(bytes, offset + SEND_BUFFER_SIZE);
  const chunks = transport.uint32(bytes, offset + MAX_CHUNK_COUNT);
  if (message.messageType === 'HEL') {
    channel.offeredBytes[CLIENT_TO_SERVER] = sendBytes;
    channel.offeredBytes[SERVER_TO_CLIENT] = receiveBytes;
    channel.chunkBytesMax[CLIENT_TO_SERVER] = 0;
    channel.chunkBytesMax[SERVER_TO_CLIENT] = receiveBytes;
    channel.chunksMax[SERVER_TO_CLIENT] = chunks;
    return;
  }
  checkOffer(message, 'receiveBufferSizeBytes', 12, channel.offeredBytes[0], receiveBytes);
  checkOffer(message, 'sendBufferSizeBytes', 16, channel.offeredBytes[1], sendBytes);
  channel.chunkBytesMax[CLIENT_TO_SERVER] = receiveBytes;
  channel.chunkBytesMax[SERVER_TO_CLIENT] = sendBytes;
  channel.chunksMax[CLIENT_TO_SERVER] = chunks;
}

/** Is the chunk larger than its receiver said that it can take? */
export function checkChunkSize(
  channel: ChannelState,
  direction: Direction,
  message: OpcuaMessage,
): void {
  const max = channel.chunkBytesMax[direction];
  if (max === 0 || message.messageBytes <= max) return;
  exceeded(message, 'messageSizeBytes', transport.MESSAGE_SIZE, max, message.messageBytes);
}

/** Has a whole message more chunks than its receiver said that it can take? */
export function checkChunksCount(
  channel: ChannelState,
  direction: Direction,
  message: OpcuaMessage,
): void {
  const max = channel.chunksMax[direction];
  if (max === 0 || message.chunksCount <= max) return;
  exceeded(message, 'chunksCount', 3, max, message.chunksCount);
}

/** Takes channel and token from the server's OPN, the token where its body can be read. */
export function learnChannel(state: FlowState, message: OpcuaMessage): void {
  const { channel } = state;
  if (message.fromClient) {
    channel.opensCount++;
    return;
  }
  if (message.secureChannelId !== channel.secureChannelId) {
    channel.secureChannelId = message.secureChannelId;
    channel.openedAtUs = channel.opensCount === 1 && !state.flow.midstream ? message.timeUs : 0;
    channel.tokenId = 0;
    channel.previousTokenId = 0;
  }
  const tokenId = message.isReadable ? issuedToken(message.body) : 0;
  channel.previousTokenId = tokenId === 0 ? 0 : channel.tokenId;
  channel.tokenId = tokenId;
}

/** Does a chunk of MSG or CLO belong to the channel, under one of its last two tokens? */
export function checkChannel(state: FlowState, message: OpcuaMessage): void {
  const { channel } = state;
  const { secureChannelId, tokenId } = message;
  if (channel.secureChannelId !== 0 && secureChannelId !== channel.secureChannelId) {
    message.anomalies = withAnomaly(
      message.anomalies,
      'channelIdMismatch',
      'secureChannelId',
      transport.SECURE_CHANNEL_ID,
      String(channel.secureChannelId),
      secureChannelId,
    );
    return;
  }
  const isKnown = tokenId === channel.tokenId || tokenId === channel.previousTokenId;
  if (channel.tokenId === 0 || isKnown) return;
  message.anomalies = withAnomaly(
    message.anomalies,
    'tokenIdUnknown',
    'tokenId',
    transport.TOKEN_ID,
    String(channel.tokenId),
    tokenId,
  );
}

/** Bytes were lost: an OPN may have been among them. */
export function doubtChannel(channel: ChannelState): void {
  channel.secureChannelId = 0;
  channel.openedAtUs = 0;
  channel.tokenId = 0;
  channel.previousTokenId = 0;
}

/** Numbers rise by one in each direction, or wrap to a small one. */
export function checkSequence(stream: StreamState, message: OpcuaMessage): void {
  const { sequenceNumber } = message;
  const expected = (stream.sequenceNumber + 1) >>> 0;
  const isWrap =
    sequenceNumber < WRAPPED_SEQUENCE_NUMBER_MAX &&
    stream.sequenceNumber > 0xffffffff - WRAPPED_SEQUENCE_NUMBER_MAX;
  if (stream.isSequenceKnown && sequenceNumber !== expected && !isWrap) {
    message.anomalies = withAnomaly(
      message.anomalies,
      'sequenceNumberGap',
      'sequenceNumber',
      transport.SEQUENCE_NUMBER,
      String(expected),
      sequenceNumber,
    );
  }
  stream.isSequenceKnown = true;
  stream.sequenceNumber = sequenceNumber;
}

function issuedToken(body: ByteSpan): number {
  return decodeResponse('OpenSecureChannel', body, noDigest)?.tokenId ?? 0;
}

function checkOffer(
  message: OpcuaMessage,
  field: string,
  offsetBytes: number,
  offered: number,
  actual: number,
): void {
  if (offered !== 0 && actual > offered) exceeded(message, field, offsetBytes, offered, actual);
}

function exceeded(
  message: OpcuaMessage,
  field: string,
  offsetBytes: number,
  max: number,
  actual: number,
): void {
  const { anomalies } = message;
  const expected = `at most ${max}`;
  message.anomalies = withAnomaly(
    anomalies,
    'bufferSizeExceeded',
    field,
    offsetBytes,
    expected,
    actual,
  );
}
