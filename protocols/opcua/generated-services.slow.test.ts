/**
 * All 39 pairs of services against node-opcua's codec: messages are generated from its own schemas,
 * encoded by it, and each field must come out of our decoder with the value that went in. The table
 * in made-shapes.ts is the whole difference between the specification's structures and our records.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import * as opcua from 'node-opcua';
import type { Digest } from '../decoded.ts';
import {
  basicTypes,
  nodeId,
  plain,
  someString,
  string,
  type Twin,
  type Twins,
  twinsOf,
} from './generated-values.slow.test.ts';
import { as, certificateAs, SHAPES } from './made-shapes.ts';
import { decodeServiceBody } from './service-body.ts';
import { SERVICE_TABLE } from './service-table.ts';

const RUNS_PER_MESSAGE = 12;
const digest: Digest = {
  pseudonym: (_bytes, _offset, length) => `pseudonym of ${length}`,
  sha256: (_bytes, _offset, length) => `sha256 of ${length}`,
};

/** A structure's object in node-opcua, with the schema that made it. */
interface Encodable {
  readonly schema: {
    readonly name: string;
    readonly encodingDefaultBinary?: opcua.NodeId | undefined;
    readonly fields: readonly SchemaField[];
    getBaseSchema(): Encodable['schema'] | null;
  };
  encode(stream: opcua.BinaryStream): void;
}
interface SchemaField {
  readonly name: string;
  readonly fieldType: string;
  readonly category: 'basic' | 'enumeration' | 'complex';
  readonly isArray?: boolean;
}
type Constructor = new (options: Readonly<Record<string, unknown>>) => Encodable;

const types = new opcua.ExtraDataTypeManager();
const exported: ReadonlyMap<string, unknown> = new Map(Object.entries(opcua));

/** node-opcua's class of this name: exported, or known by the id of its encoding. */
function classOf(name: string): Constructor {
  const id = new Map(Object.entries(opcua.ObjectIds)).get(`${name}_Encoding_DefaultBinary`);
  const made =
    exported.get(name) ??
    types.getExtensionObjectConstructorFromBinaryEncoding(opcua.coerceNodeId(`i=${id}`));
  // Every name in this file is a structure's; TypeScript can't know it by text.
  return made as unknown as Constructor;
}

const structures = new Map<string, Twins>();

/** Twins of a structure; `name` is node-opcua's for it. */
function structureTwins(prototype: Encodable): Twins {
  const { name } = prototype.schema;
  const known = structures.get(name);
  if (known !== undefined) return known;
  const entries = allFields(prototype.schema)
    .filter(({ fieldType }) => fieldType !== 'RequestHeader' && fieldType !== 'ResponseHeader')
    .map((field) => [field.name, fieldTwins(prototype, field)] as const);
  const made = fc.record(Object.fromEntries(entries)).map((twins): Twin => {
    const expected = {};
    for (const [field, twin] of Object.entries(twins)) {
      const shape = SHAPES[`${name}.${field}`] ?? as(field);
      Object.assign(expected, shape(twin.expected, field));
    }
    const given = Object.fromEntries(Object.entries(twins).map(([key, twin]) => [key, twin.given]));
    return { given, expected };
  });
  structures.set(name, made);
  return made;
}

/** Its own and those of the structures that it extends. */
function allFields(schema: Encodable['schema'] | null | undefined): readonly SchemaField[] {
  return schema ? [...allFields(schema.getBaseSchema?.()), ...schema.fields] : [];
}

function fieldTwins(owner: Encodable, field: SchemaField): Twins {
  const one = elementTwins(owner, field);
  if (field.isArray !== true) return one;
  return fc.array(one, { maxLength: 3 }).map((elements) => ({
    given: elements.map(({ given }) => given),
    expected: elements.map(({ expected }) => expected ?? nullOf(field)),
  }));
}

/** What stands in a list for an element that is null on the wire. */
function nullOf(field: SchemaField): unknown {
  return field.fieldType === 'String' ? '' : {};
}

function elementTwins(owner: Encodable, field: SchemaField): Twins {
  const { name, fieldType, category, isArray } = field;
  const special = SPECIAL[`${owner.schema.name}.${name}`];
  if (special !== undefined) return special();
  if (category === 'basic') {
    const basic = basicTypes[fieldType];
    assert.ok(basic !== undefined, `${owner.schema.name}.${name}: ${fieldType}`);
    return basic;
  }
  if (category === 'enumeration') {
    // PerformUpdateType isn't exported.
    const values = exported.get(fieldType) ?? [1, 2, 3, 4];
    const numbers = Object.values(Object(values)).filter((value) => {
      return typeof value === 'number' && value < 0x80000000;
    });
    return twinsOf(fc.constantFrom(...numbers), (value) => value);
  }
  // A structure makes those that it holds.
  const Owner = owner.constructor as Constructor;
  const made = new Owner({ [name]: isArray === true ? [{}] : {} });
  const value = (made as unknown as Record<string, unknown>)[name];
  return structureTwins((isArray === true ? (value as unknown[])[0] : value) as Encodable);
}

/** Twins of a structure inside an ExtensionObject: `expected` by what the structure's fields are. */
function extension(name: string, expected: (fields: Record<string, unknown>) => unknown): Twins {
  const Class = classOf(name);
  return structureTwins(new Class({})).map((twin) => ({
    // The generator's own options, and what it expects of each field.
    given: new Class(twin.given as Record<string, unknown>),
    expected: expected(twin.expected as Record<string, unknown>),
  }));
}

/** node-opcua refuses others. */
const attributeId = twinsOf(fc.integer({ min: 1, max: 27 }), (value) => value);
/** Bytes that are no certificate: certificate-facts.test.ts has those that are. */
const certificate = twinsOf(
  fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from(bytes.fill(1, 0, 1))),
  (bytes) => bytes.length,
);
const nothing: Twins = fc.constant({ given: null, expected: undefined });
const length = (list: unknown) => (list as readonly unknown[]).length;
const named = (type: string) => extension(type, (fields) => ({ type, ...fields }));
const eventFilterFacts = (filter: Record<string, unknown>) => ({
  selectClausesCount: length(filter.selectClauses),
  whereClauseOperators: (filter.whereClause as { filterOperators: number[] }).filterOperators,
});
const withFilter = (type: string) =>
  extension(type, (fields) => {
    const { filter, eventData, ...rest } = fields;
    const facts = eventFilterFacts(filter as Record<string, unknown>);
    const points = eventData === undefined ? {} : { pointsCount: length(eventData) };
    return { type, ...rest, filter: facts, ...points };
  });
const counting = (type: string, list: string) =>
  extension(type, ({ [list]: points, ...rest }) => ({
    type,
    ...rest,
    pointsCount: length(points),
  }));
type Point = { sourceTimestamp?: string; serverTimestamp?: string };
const historyPoints = ({ dataValues }: Record<string, unknown>) => {
  const times = (dataValues as readonly Point[])
    .map(({ sourceTimestamp, serverTimestamp }) => sourceTimestamp ?? serverTimestamp)
    .filter((time) => time !== undefined);
  const span = times.length > 0 && { firstTime: times[0], lastTime: times.at(-1) };
  return { pointsCount: length(dataValues), ...span };
};
const attributes = (type: string) => extension(type, () => type);

/** Fields of type ExtensionObject, and those of which only a pseudonym is kept. */
const SPECIAL: Readonly<Record<string, () => Twins>> = {
  'EndpointDescription.serverCertificate': () => certificate,
  'CreateSessionRequest.clientCertificate': () => certificate,
  'CreateSessionResponse.serverCertificate': () => certificate,
  'X509IdentityToken.certificateData': () => certificate,
  'ReadValueId.attributeId': () => attributeId,
  'WriteValue.attributeId': () => attributeId,
  'QueryDataDescription.attributeId': () => attributeId,
  'RegisterServer2Request.discoveryConfiguration': () =>
    extension('MdnsDiscoveryConfiguration', (fields) => fields),
  'CreateSessionResponse.authenticationToken': () =>
    nodeId.map(({ given }) => {
      const stream = new opcua.BinaryStream(1000);
      // As the generator made it.
      opcua.encodeNodeId(given as opcua.NodeId, stream);
      const isNull = stream.buffer.subarray(1, stream.length).every((byte) => byte === 0);
      return { given, expected: isNull ? undefined : `hash:pseudonym of ${stream.length}` };
    }),
  'ActivateSessionRequest.userIdentityToken': () =>
    fc.oneof(
      nothing,
      extension('AnonymousIdentityToken', (fields) => ({ tokenType: 'Anonymous', ...fields })),
      extension('UserNameIdentityToken', userName),
      extension('X509IdentityToken', ({ policyId, certificateData }) => ({
        tokenType: 'Certificate',
        policyId,
        ...certificateAs(certificateData, 'certificate'),
      })),
      extension('IssuedIdentityToken', ({ policyId, tokenData, encryptionAlgorithm }) => ({
        tokenType: 'IssuedToken',
        policyId,
        tokenBytes: tokenData,
        encryptionAlgorithm,
      })),
    ),
  // node-opcua gives its default, an empty text, where it is null.
  'AnonymousIdentityToken.policyId': () => someString,
  'UserNameIdentityToken.policyId': () => someString,
  'X509IdentityToken.policyId': () => someString,
  'IssuedIdentityToken.policyId': () => someString,
  'UserNameIdentityToken.userName': () =>
    string.map(({ given }) => {
      const size = given === null ? undefined : Buffer.byteLength(String(given));
      return { given, expected: size === undefined ? size : `hash:pseudonym of ${size}` };
    }),
  'AddNodesItem.nodeAttributes': () =>
    fc.oneof(
      nothing,
      ...['Object', 'Variable', 'Method', 'ObjectType', 'VariableType', 'ReferenceType']
        .concat('DataType', 'View')
        .map((kind) => attributes(`${kind}Attributes`)),
    ),
  'ContentFilterElement.filterOperands': () => extension('ElementOperand', () => ({})),
  'HistoryReadRequest.historyReadDetails': () =>
    fc.oneof(
      withFilter('ReadEventDetails'),
      named('ReadRawModifiedDetails'),
      extension('ReadProcessedDetails', (fields) => {
        const { aggregateConfiguration, processingInterval, ...rest } = fields;
        return { type: 'ReadProcessedDetails', ...rest, processingIntervalMs: processingInterval };
      }),
      counting('ReadAtTimeDetails', 'reqTimes'),
    ),
  'HistoryReadResult.historyData': () =>
    fc.oneof(
      nothing.map((twin) => ({ ...twin, expected: {} })),
      extension('HistoryData', historyPoints),
      extension('HistoryModifiedData', historyPoints),
      extension('HistoryEvent', ({ events }) => ({ pointsCount: length(events) })),
    ),
  'HistoryUpdateRequest.historyUpdateDetails': () =>
    fc.oneof(
      counting('UpdateDataDetails', 'updateValues'),
      counting('UpdateStructureDataDetails', 'updateValues'),
      withFilter('UpdateEventDetails'),
      named('DeleteRawModifiedDetails'),
      counting('DeleteAtTimeDetails', 'reqTimes'),
      counting('DeleteEventDetails', 'eventIds'),
    ),
  'MonitoringParameters.filter': () =>
    fc.oneof(
      nothing,
      extension('DataChangeFilter', (fields) => fields),
      extension('EventFilter', eventFilterFacts),
      extension('AggregateFilter', ({ startTime, aggregateType, processingInterval }) => ({
        startTime,
        aggregateType,
        processingIntervalMs: processingInterval,
      })),
    ),
  'MonitoredItemCreateResult.filterResult': () => nothing,
  'MonitoredItemModifyResult.filterResult': () => nothing,
  'NotificationMessage.notificationData': () =>
    fc.oneof(
      extension('DataChangeNotification', ({ monitoredItems }) => ({
        dataChanges: (monitoredItems as readonly { value: object }[]).map((item) => {
          const { value, ...rest } = item;
          return { ...rest, ...value };
        }),
      })),
      extension('EventNotificationList', ({ events }) => ({
        events: (events as readonly Record<string, unknown>[]).map((event) => {
          return { clientHandle: event.clientHandle, fields: event.eventFields };
        }),
      })),
      extension('StatusChangeNotification', ({ status }) => ({ statusChange: { status } })),
    ),
};

function userName(fields: Record<string, unknown>): unknown {
  const { policyId, password, encryptionAlgorithm, userName: name } = fields;
  const passwordPresent = Number(password) > 0;
  const isNamed = encryptionAlgorithm !== undefined && encryptionAlgorithm !== '';
  return {
    tokenType: 'UserName',
    policyId,
    userName: name,
    passwordPresent,
    passwordIsClearText: passwordPresent && !isNamed,
    encryptionAlgorithm,
    tokenBytes: password,
  };
}

const header: Readonly<Record<string, object>> = {
  Request: { requestHeader: { requestHandle: 9, timeoutHint: 5 } },
  Response: { responseHeader: { serviceResult: opcua.StatusCodes.Good } },
};

/** Encodes what was generated, decodes it with ours, and compares every field. */
function roundTrip(Class: Constructor, given: object, expected: unknown, service: string): void {
  const message = new Class({ ...given });
  const stream = new opcua.BinaryStream(200_000);
  assert.ok(message.schema.encodingDefaultBinary !== undefined);
  opcua.encodeNodeId(message.schema.encodingDefaultBinary, stream);
  message.encode(stream);
  const bytes = Uint8Array.from(stream.buffer.subarray(0, stream.length));
  const body = decodeServiceBody({ bytes, offset: 0, length: bytes.length }, false, digest);
  assert.deepEqual([body.service, body.status, body.bytesAfterBody], [service, 'ok', 0]);
  assert.deepEqual(plain(body.fields), plain(expected));
  for (let part = 0; part < 8; part++) {
    const length = Math.floor((bytes.length * part) / 8);
    const changed = bytes.with((part * 131) % bytes.length, 0xff >> part);
    for (const broken of [
      decodeServiceBody({ bytes, offset: 0, length }, part % 2 === 0, digest),
      decodeServiceBody({ bytes: changed, offset: 0, length: bytes.length }, false, digest),
    ]) {
      assert.equal(/[[:,]null/.test(JSON.stringify(broken.fields)), false);
    }
  }
}

const BY_HEADER = ['ServiceFault', 'TestStack', 'TestStackEx'];
const pairs = SERVICE_TABLE.filter(({ service }) => !BY_HEADER.includes(service));

test('39 pairs of services, and three that are told by their header', () => {
  assert.deepEqual([pairs.length, SERVICE_TABLE.length], [39, 42]);
});

for (const { service } of pairs) {
  for (const side of ['Request', 'Response'] as const) {
    test(`${service}${side}: every generated field comes out`, () => {
      const Class = classOf(`${service}${side}`);
      assert.ok(Class !== undefined, `node-opcua has ${service}${side}`);
      const twins = structureTwins(new Class({}));
      fc.assert(
        fc.property(twins, ({ given, expected }) => {
          roundTrip(Class, { ...header[side], ...(given as object) }, expected, service);
        }),
        { numRuns: RUNS_PER_MESSAGE },
      );
    });
  }
}
