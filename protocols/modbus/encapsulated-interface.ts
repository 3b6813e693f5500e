/**
 * Function code 43: the encapsulated interface transport. MEI type 14 reads who made the device and
 * which firmware it runs; MEI type 13 carries CANopen, of which only the size is kept.
 * Spec: MODBUS Application Protocol V1.1b3, sections 6.19 to 6.21.
 *
 *    14 request   | 0x2B | 14 | read device id code | object id |
 *    14 response  | 0x2B | 14 | read device id code | conformity level | more follows
 *                 | next object id | number of objects | objects: id, length, value |
 */
import type { Anomaly, ByteSpan } from '../decoded.ts';
import { ABSENT, byteAt, checkPduBytes, latin1At, note } from './pdu-bytes.ts';
import type { IdentificationObject, PduFieldsDraft } from './pdu-fields.ts';

export const ENCAPSULATED_INTERFACE = 43;
export const MEI_CAN_OPEN = 13;
export const MEI_DEVICE_IDENTIFICATION = 14;

const MEI_TYPE = 1;
const READ_DEVICE_ID_CODE = 2;
const OBJECT_ID = 3;
const REQUEST_BYTES = 4;
const CONFORMITY_LEVEL = 3;
const MORE_FOLLOWS = 4;
const NEXT_OBJECT_ID = 5;
const NUMBER_OF_OBJECTS = 6;
const OBJECTS = 7;

/** Section 6.21: the lowest seven bits say basic, regular or extended; bit 7 single access too. */
const CONFORMITY_LEVELS = [0x01, 0x02, 0x03, 0x81, 0x82, 0x83];
const MORE_FOLLOWS_YES = 0xff;

const OBJECT_NAMES = [
  'vendorName',
  'productCode',
  'majorMinorRevision',
  'vendorUrl',
  'productName',
  'modelName',
  'userApplicationName',
] as const;
const PRIVATE_OBJECT_FIRST = 0x80;

export function decodeEncapsulatedRequest(
  pdu: ByteSpan,
  fields: PduFieldsDraft,
  anomalies: Anomaly[],
): void {
  if (decodeMeiType(pdu, fields, anomalies) !== MEI_DEVICE_IDENTIFICATION) return;
  checkPduBytes(pdu, REQUEST_BYTES, anomalies);
  const readDeviceIdCode = byteAt(pdu, READ_DEVICE_ID_CODE);
  const objectId = byteAt(pdu, OBJECT_ID);
  if (readDeviceIdCode !== ABSENT) fields.readDeviceIdCode = readDeviceIdCode;
  if (objectId !== ABSENT) fields.objectId = objectId;
}

export function decodeEncapsulatedResponse(
  pdu: ByteSpan,
  fields: PduFieldsDraft,
  anomalies: Anomaly[],
): void {
  if (decodeMeiType(pdu, fields, anomalies) !== MEI_DEVICE_IDENTIFICATION) return;
  const readDeviceIdCode = byteAt(pdu, READ_DEVICE_ID_CODE);
  const conformityLevel = byteAt(pdu, CONFORMITY_LEVEL);
  const moreFollows = byteAt(pdu, MORE_FOLLOWS);
  const nextObjectId = byteAt(pdu, NEXT_OBJECT_ID);
  const numberOfObjects = byteAt(pdu, NUMBER_OF_OBJECTS);
  if (readDeviceIdCode !== ABSENT) fields.readDeviceIdCode = readDeviceIdCode;
  if (conformityLevel !== ABSENT) {
    fields.conformityLevel = conformityLevel;
    if (!CONFORMITY_LEVELS.includes(conformityLevel)) {
      const expected = '1..3, 129..131';
      const at = CONFORMITY_LEVEL;
      note(anomalies, 'conformityLevelUnknown', 'conformityLevel', at, expected, conformityLevel);
    }
  }
  if (moreFollows !== ABSENT) fields.moreFollows = moreFollows;
  if (nextObjectId !== ABSENT) fields.nextObjectId = nextObjectId;
  if (numberOfObjects === ABSENT) {
    checkPduBytes(pdu, OBJECTS, anomalies);
    return;
  }
  fields.numberOfObjects = numberOfObjects;
  fields.objects = decodeObjects(pdu, numberOfObjects, anomalies);
  fields.complete = moreFollows !== MORE_FOLLOWS_YES && fields.objects.length === numberOfObjects;
}

function decodeMeiType(pdu: ByteSpan, fields: PduFieldsDraft, anomalies: Anomaly[]): number {
  const meiType = byteAt(pdu, MEI_TYPE);
  if (meiType === ABSENT) {
    checkPduBytes(pdu, 2, anomalies);
    return ABSENT;
  }
  fields.meiType = meiType;
  if (meiType !== MEI_DEVICE_IDENTIFICATION) fields.dataBytes = pdu.length - 2;
  if (meiType !== MEI_DEVICE_IDENTIFICATION && meiType !== MEI_CAN_OPEN) {
    note(anomalies, 'meiTypeUnknown', 'meiType', MEI_TYPE, '13 or 14', meiType);
  }
  return meiType;
}

function decodeObjects(
  pdu: ByteSpan,
  numberOfObjects: number,
  anomalies: Anomaly[],
): IdentificationObject[] {
  const objects: IdentificationObject[] = [];
  let at = OBJECTS;
  while (objects.length < numberOfObjects) {
    const valueBytes = byteAt(pdu, at + 1);
    if (valueBytes === ABSENT || at + 2 + valueBytes > pdu.length) {
      const there = objects.length;
      const where = NUMBER_OF_OBJECTS;
      note(
        anomalies,
        'deviceIdentificationIncomplete',
        'numberOfObjects',
        where,
        numberOfObjects,
        there,
      );
      return objects;
    }
    const objectId = byteAt(pdu, at);
    const value = latin1At(pdu, at + 2, valueBytes);
    objects.push({ objectId, name: objectName(objectId), valueBytes, value });
    at += 2 + valueBytes;
  }
  checkPduBytes(pdu, at, anomalies);
  return objects;
}

function objectName(objectId: number): string {
  if (objectId < OBJECT_NAMES.length) return OBJECT_NAMES[objectId];
  return objectId < PRIVATE_OBJECT_FIRST
    ? `reservedObject(${objectId})`
    : `privateObject(${objectId})`;
}
