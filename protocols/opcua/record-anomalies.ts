/**
 * What a record says against a message of OPC UA beside what decode noticed on the way: only here
 * are the bodies read (docs/fields 2.7).
 */
import type { Anomaly } from '../decoded.ts';
import { BODY_BYTES_DECODED_MAX } from './limits.ts';
import type { ServiceBody } from './service-body.ts';
import { ENCRYPTED_SERVICE } from './service-table.ts';
import type { BodyReadable, OpcuaSide, OpcuaTransaction } from './transaction.ts';
import { BODY, MESSAGE_SIZE, REQUEST_ID, SECURITY_HEADER } from './transport.ts';

/** What is wrong with one message as a whole, then inside its body. */
export function messageAnomalies(
  { bodyReadable }: OpcuaTransaction,
  side: OpcuaSide,
  body: ServiceBody | undefined,
): readonly Anomaly[] {
  const isTooLong = side.truncated && side.messageBytes > BODY_BYTES_DECODED_MAX;
  const header = body?.requestHeader ?? body?.responseHeader;
  const hasHeader = header?.requestHandle !== undefined;
  const isHeaderless = body !== undefined && !hasHeader && body.status !== 'ok';
  return [
    ...(isTooLong ? [bodyTooLong(side.messageBytes)] : []),
    ...(isHeaderless && bodyReadable === 'yes' ? [BODY_UNREADABLE] : []),
    ...anomaliesOf(body, bodyReadable),
  ];
}

/** Of the certificate before the body of OPN; one inside a body is noted by its reader. */
export function certificateAnomalies(senderCertificate: unknown): readonly Anomaly[] {
  const isCertificate = typeof senderCertificate === 'object' && senderCertificate !== null;
  if (!isCertificate || !('parseError' in senderCertificate)) return [];
  return [
    {
      name: 'certificateUnparseable',
      field: 'senderCertificate',
      offsetBytes: SECURITY_HEADER,
      expected: 'DER',
      actual: String(senderCertificate.parseError),
    },
  ];
}

function bodyTooLong(messageBytes: number): Anomaly {
  return {
    name: 'bodyTooLong',
    field: 'messageSizeBytes',
    offsetBytes: MESSAGE_SIZE,
    expected: `a body of ${BODY_BYTES_DECODED_MAX} bytes at most`,
    actual: String(messageBytes),
  };
}

/** On a channel in the clear; where keys are needed, `bodyReadable` says so instead. */
const BODY_UNREADABLE: Anomaly = {
  name: 'bodyUnreadable',
  field: 'body',
  offsetBytes: BODY,
  expected: 'a type id and a header',
  actual: 'neither could be read',
};

const RESPONSE_UNMATCHED: Anomaly = {
  name: 'responseUnmatched',
  field: 'requestId',
  offsetBytes: REQUEST_ID,
  expected: 'the id of a request before it',
  actual: 'none waits under this id',
};

/** Nothing is said against a response whose request the capture may have missed. */
export function pairingAnomalies(transaction: OpcuaTransaction): readonly Anomaly[] {
  const { request, response, flow, service } = transaction;
  const isAlone = response.present && !request.present && service !== ENCRYPTED_SERVICE;
  const isWholeSeen = !flow.midstream && flow.gapsCount === 0 && flow.clientSegmentsCount > 0;
  return isAlone && isWholeSeen ? [RESPONSE_UNMATCHED] : [];
}

function anomaliesOf(
  body: ServiceBody | undefined,
  bodyReadable: BodyReadable,
): readonly Anomaly[] {
  if (body === undefined) return [];
  if (body.bytesAfterBody === 0 || bodyReadable !== 'yes') return body.anomalies;
  return [
    ...body.anomalies,
    {
      name: 'bytesAfterBody',
      field: 'body',
      offsetBytes: 0,
      expected: '0',
      actual: String(body.bytesAfterBody),
    },
  ];
}
