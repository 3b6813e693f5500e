/**
 * Every type of OPC UA value as a generator of twins: what node-opcua's codec is given to encode,
 * and what a record must then hold. Used by generated-services.slow.test.ts; here each type is tried
 * alone, inside a Variant.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import * as opcua from 'node-opcua';
import type { Digest } from '../decoded.ts';
import { ByteReader } from './byte-reader.ts';
import { variant } from './variant.ts';

/** `expected` undefined: absent from the record. */
export interface Twin {
  readonly given: unknown;
  readonly expected: unknown;
}

export type Twins = fc.Arbitrary<Twin>;

const { DataType, NodeIdType, StatusCodes, VariantArrayType } = opcua;

/** As a record holds it. */
export function plain(value: unknown): unknown {
  return value === undefined ? undefined : JSON.parse(JSON.stringify(value));
}

export function twinsOf<T>(values: fc.Arbitrary<T>, expected: (value: T) => unknown): Twins {
  return values.map((given) => ({ given, expected: expected(given) }));
}

const same = <T>(values: fc.Arbitrary<T>): Twins => twinsOf(values, (value) => value);
const characters = fc.string({ unit: 'binary', maxLength: 20 });
const someCharacters = fc.string({ unit: 'binary', minLength: 1, maxLength: 20 });
const unsigned = (bits: number) => fc.integer({ min: 0, max: 2 ** bits - 1 });
const signed = (bits: number) => {
  return fc.integer({ min: -(2 ** (bits - 1)), max: 2 ** (bits - 1) - 1 });
};
const jsonNumber = (value: number) => (Number.isFinite(value) ? value : String(value));
const bytes = fc.uint8Array({ maxLength: 40 }).map((value) => Buffer.from(value));
const someBytes = fc.uint8Array({ minLength: 1, maxLength: 40 }).map((value) => Buffer.from(value));

/** Both halves, as node-opcua holds them. */
const halves = fc.tuple(unsigned(32), unsigned(32));
const unsignedText = ([high, low]: [number, number]) => {
  return ((BigInt(high) << 32n) | BigInt(low)).toString();
};
const signedText = ([high, low]: [number, number]) => {
  return BigInt.asIntN(64, (BigInt(high) << 32n) | BigInt(low)).toString();
};

const optionalText = (value: string | null) => value ?? undefined;
export const string = twinsOf(fc.option(characters, { freq: 5 }), optionalText);
export const someString = same(someCharacters);
const dateTime = twinsOf(
  fc.date({ min: new Date('1602-01-01'), max: new Date('9998-01-01'), noInvalidDate: true }),
  (date) => date.toISOString(),
);
const guid = twinsOf(fc.uuid(), (text) => text.toLowerCase());
const byteStringValue = (value: Buffer) => {
  return { byteCount: value.length, bytesBase64: value.toString('base64') };
};
const byteString = twinsOf(bytes, byteStringValue);

const namespaced = (namespace: number, text: string) => {
  return namespace === 0 ? text : `ns=${namespace};${text}`;
};
const identifier = fc.oneof(
  unsigned(32).map((value) => ({ type: NodeIdType.NUMERIC, value, text: `i=${value}` })),
  unsigned(8).map((value) => ({ type: NodeIdType.NUMERIC, value, text: `i=${value}` })),
  someCharacters.map((value) => ({ type: NodeIdType.STRING, value, text: `s=${value}` })),
  fc.uuid().map((value) => ({ type: NodeIdType.GUID, value, text: `g=${value}` })),
  someBytes.map((value) => {
    return { type: NodeIdType.BYTESTRING, value, text: `b=${value.toString('base64')}` };
  }),
);
const namespace = fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 300 }));
export const nodeId: Twins = fc.tuple(identifier, namespace).map(([{ type, value, text }, ns]) => {
  return { given: new opcua.NodeId(type, value, ns), expected: namespaced(ns, text) };
});
const expandedNodeId: Twins = fc
  .tuple(identifier, namespace, fc.option(someCharacters), fc.nat(3))
  .map(([{ type, value, text }, ns, uri, serverIndex]) => {
    const given = new opcua.ExpandedNodeId(type, value, ns, uri, serverIndex);
    const server = serverIndex === 0 ? '' : `svr=${serverIndex};`;
    const where = uri === null ? namespaced(ns, text) : `nsu=${uri};${text}`;
    return { given, expected: server + where };
  });

export const qualifiedName: Twins = fc
  .tuple(unsigned(16), fc.option(someCharacters))
  .map(([namespaceIndex, name]) => {
    const expected = name === null ? { namespaceIndex } : { namespaceIndex, name };
    return { given: new opcua.QualifiedName({ namespaceIndex, name }), expected };
  });
const localizedText: Twins = fc
  .tuple(fc.option(someCharacters), fc.option(someCharacters))
  .map(([locale, text]) => {
    const expected = { ...(locale !== null && { locale }), ...(text !== null && { text }) };
    return { given: new opcua.LocalizedText({ locale, text }), expected };
  });

const namedCodes = Object.entries(StatusCodes).filter(([, status]) => {
  return typeof status?.value === 'number' && (status.value & 0xffff) === 0;
});
export const statusCode = twinsOf(fc.constantFrom(...namedCodes), ([name, { value }]) => {
  const code = value >>> 0;
  if (code === 0) return { code, name };
  return { code, name, severity: code >>> 30, subCode: (code >>> 16) & 0xfff };
});
const statusOnly = statusCode.map(({ given, expected }) => {
  // The tuple above, of which node-opcua wants the code.
  const [, status] = given as (typeof namedCodes)[number];
  return { given: status, expected };
});

const index = fc.integer({ min: -1, max: 9 });
const diagnosticInfoAt = (depth: number): Twins => {
  const inner = depth === 0 ? fc.constant(null) : fc.option(diagnosticInfoAt(depth - 1));
  return fc
    .record({
      symbolicId: index,
      namespaceUri: index,
      locale: index,
      localizedText: index,
      additionalInfo: fc.option(someCharacters),
      innerStatusCode: statusOnly,
      inner,
    })
    .map(({ innerStatusCode, inner: deeper, additionalInfo, ...indexes }) => {
      const innerDiagnosticInfo = deeper?.given;
      // node-opcua leaves a Good inner status out.
      const isGood = innerStatusCode.given === StatusCodes.Good;
      const expected = {
        ...Object.fromEntries(Object.entries(indexes).filter(([, value]) => value >= 0)),
        ...(additionalInfo !== null && { additionalInfo }),
        ...(!isGood && { innerStatusCode: innerStatusCode.expected }),
        ...(deeper?.expected !== undefined && { innerDiagnosticInfo: deeper.expected }),
      };
      const { namespaceUri, ...others } = indexes;
      const options = {
        ...others,
        namespaceURI: namespaceUri,
        ...(additionalInfo !== null && { additionalInfo }),
        innerStatusCode: innerStatusCode.given,
        ...(deeper !== null && { innerDiagnosticInfo }),
      };
      // Each option has the type that node-opcua declares for it.
      const given = new opcua.DiagnosticInfo(options as opcua.DiagnosticInfoOptions);
      return { given, expected: Object.keys(expected).length === 0 ? undefined : expected };
    });
};
export const diagnosticInfo = diagnosticInfoAt(2);

/** Types of a Variant; elements of arrays are never null here. */
const inVariant: Readonly<Record<string, Twins>> = {
  Boolean: same(fc.boolean()),
  SByte: same(signed(8)),
  Byte: same(unsigned(8)),
  Int16: same(signed(16)),
  UInt16: same(unsigned(16)),
  Int32: same(signed(32)),
  UInt32: same(unsigned(32)),
  Int64: twinsOf(halves, signedText),
  UInt64: twinsOf(halves, unsignedText),
  Float: twinsOf(fc.float(), jsonNumber),
  Double: twinsOf(fc.double(), jsonNumber),
  String: same(characters),
  DateTime: dateTime,
  Guid: guid,
  ByteString: byteString,
  XmlElement: same(characters),
  NodeId: nodeId,
  ExpandedNodeId: expandedNodeId,
  StatusCode: statusOnly,
  QualifiedName: qualifiedName,
  LocalizedText: localizedText,
};

export const variantTwins: Twins = fc.oneof(
  fc.constant({ given: { dataType: DataType.Null }, expected: { type: 'Null' } }),
  ...Object.entries(inVariant).map(([type, twins]) => variantOf(type, twins)),
);

function variantOf(type: string, twins: Twins): Twins {
  // Each name above is one of DataType.
  const dataType = DataType[type as keyof typeof DataType];
  const list = fc.array(twins, { maxLength: 4 });
  const lists = (elements: readonly Twin[]) => ({
    given: elements.map(({ given }) => given),
    expected: elements.map(({ expected }) => expected),
  });
  return fc.oneof(
    twins.map(({ given, expected }) => ({
      given: { dataType, arrayType: VariantArrayType.Scalar, value: given },
      expected: { type, value: expected },
    })),
    list.map((elements) => {
      const { given, expected } = lists(elements);
      return {
        given: { dataType, arrayType: VariantArrayType.Array, value: given },
        expected: { type, value: expected, arrayLength: elements.length },
      };
    }),
    fc.array(twins, { minLength: 6, maxLength: 6 }).map((elements) => {
      const { given, expected } = lists(elements);
      const dimensions = [2, 3];
      return {
        given: { dataType, arrayType: VariantArrayType.Matrix, value: given, dimensions },
        expected: { type, value: expected, arrayLength: 6, arrayDimensions: dimensions },
      };
    }),
  );
}

export const dataValue: Twins = fc
  .record({
    value: fc.option(variantTwins, { freq: 5 }),
    statusCode: statusOnly,
    sourceTimestamp: fc.option(dateTime),
    serverTimestamp: fc.option(dateTime),
  })
  .map(({ value, statusCode: status, sourceTimestamp, serverTimestamp }) => {
    const isNull = (value?.given as { dataType?: unknown })?.dataType === DataType.Null;
    const times = { sourceTimestamp, serverTimestamp };
    const options = {
      ...(value !== null && { value: value.given }),
      statusCode: status.given,
      sourceTimestamp: sourceTimestamp?.given ?? null,
      serverTimestamp: serverTimestamp?.given ?? null,
    };
    const expected = {
      ...(value !== null && !isNull && { value: value.expected }),
      status: status.expected,
      ...Object.fromEntries(
        Object.entries(times).flatMap(([name, time]) => (time ? [[name, time.expected]] : [])),
      ),
    };
    // Each option has the type that node-opcua declares for it.
    return { given: new opcua.DataValue(options as opcua.DataValueOptions), expected };
  });

/** By the names of node-opcua's schemas, as fields of structures. */
export const basicTypes: Readonly<Record<string, Twins>> = {
  ...inVariant,
  String: string,
  StatusCode: statusOnly,
  DiagnosticInfo: diagnosticInfo,
  DataValue: dataValue,
  Variant: variantTwins,
  NumericRange: fc.constantFrom(
    { given: new opcua.NumericRange('1:2'), expected: '1:2' },
    { given: new opcua.NumericRange('7'), expected: '7' },
    { given: null, expected: undefined },
  ),
  ByteString: twinsOf(bytes, (value) => value.length),
};

const digest: Digest = { pseudonym: () => 'p', sha256: () => 's' };

test('every built-in type that a Variant can hold, alone, as a list and as a matrix', () => {
  assert.equal(Object.keys(inVariant).length, 21);
  fc.assert(
    fc.property(variantTwins, ({ given, expected }) => {
      const stream = new opcua.BinaryStream(10_000);
      // As the generator made it.
      opcua.encodeVariant(new opcua.Variant(given as opcua.VariantOptions), stream);
      const encoded = Uint8Array.from(stream.buffer.subarray(0, stream.length));
      const span = { bytes: encoded, offset: 0, length: encoded.length };
      const reader = new ByteReader(span, false, digest);
      assert.deepEqual(plain(variant(reader)), plain(expected));
      assert.equal(reader.bytesLeft, 0);
    }),
    { numRuns: 800 },
  );
});
