/**
 * What commands may ask the running agent to do, over the unix socket and nowhere else: the file's
 * group decides who. Each action takes one small body and answers one object; a fault with a remedy
 * is an answer too.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { OperatorFault } from '../platform/operator-fault.ts';

/** Larger than any signed message. */
const BODY_BYTES_MAX = 256 * 1024;

export type ControlAction = (body: Uint8Array) => unknown;

/** Answers 200 with what the action says, 409 with an OperatorFault's facts, 413, or 500. */
export async function runAction(
  action: ControlAction,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const answer = (statusCode: number, value: unknown): void => {
    response.statusCode = statusCode;
    response.setHeader('content-type', 'application/json');
    response.end(JSON.stringify(value));
  };
  try {
    const body = await bodyOf(request);
    if (body === undefined) answer(413, { problem: `more than ${BODY_BYTES_MAX} bytes` });
    else answer(200, (await action(body)) ?? {});
  } catch (error) {
    if (error instanceof OperatorFault) {
      const { code, problem, remedy } = error;
      answer(409, { code, problem, remedy });
    } else {
      answer(500, { problem: 'the agent could not do that; its log says why' });
    }
  }
}

/** Undefined when it is too long, or ends before its end. */
async function bodyOf(request: IncomingMessage): Promise<Uint8Array | undefined> {
  const pieces: Uint8Array[] = [];
  let bytes = 0;
  try {
    for await (const piece of request) {
      if (!(piece instanceof Uint8Array)) return undefined;
      bytes += piece.byteLength;
      if (bytes > BODY_BYTES_MAX) return undefined;
      pieces.push(piece);
    }
  } catch {
    return undefined;
  }
  return Buffer.concat(pieces);
}
