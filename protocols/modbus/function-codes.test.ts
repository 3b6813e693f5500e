// Names and classes of function codes and exception codes, against FIELDS.md 1.1, 1.2 and 1.4.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { exceptionName, isExceptionLegal } from './exceptions.ts';
import { functionFacts } from './function-codes.ts';

// biome-ignore format: one case per line
const facts = [
  { code: 3,   functionName: 'readHoldingRegisters', functionClass: 'public', access: 'read', object: 'holdingRegister' },
  { code: 5,   functionName: 'writeSingleCoil', functionClass: 'public', access: 'write', object: 'coil' },
  { code: 23,  functionName: 'readWriteMultipleRegisters', functionClass: 'public', access: 'readWrite', object: 'holdingRegister' },
  { code: 8,   functionName: 'diagnostics', functionClass: 'public', access: 'diagnostic', object: 'none' },
  { code: 21,  functionName: 'writeFileRecord', functionClass: 'public', access: 'file', object: 'file' },
  { code: 90,  functionName: 'schneiderUmas', functionClass: 'reserved', access: 'program', object: 'none' },
  { code: 18,  functionName: 'program884', functionClass: 'vendor', access: 'program', object: 'none' },
  { code: 42,  functionName: 'reservedFunction(42)', functionClass: 'reserved' },
  { code: 65,  functionName: 'userDefinedFunction(65)', functionClass: 'userDefined' },
  { code: 110, functionName: 'userDefinedFunction(110)', functionClass: 'userDefined' },
  { code: 50,  functionName: 'unknownFunction(50)', functionClass: 'public', isKnown: false },
  { code: 0,   functionName: 'unknownFunction(0)', functionClass: 'invalid', isKnown: false },
] as const;

for (const { code, ...expect } of facts) {
  test(`function code ${code} is ${expect.functionName}`, () => {
    assert.partialDeepStrictEqual(functionFacts(code), expect);
  });
}

test('function code 43 is named by its MEI type', () => {
  assert.equal(functionFacts(43, 14).functionName, 'readDeviceIdentification');
  assert.equal(functionFacts(43, 13).functionName, 'canOpenGeneralReference');
  assert.equal(functionFacts(43, 1).functionName, 'encapsulatedInterfaceTransport');
});

test('classes by range: user defined 65-72 and 100-110, reserved as in annex A', () => {
  const byClass = (wanted: string): number[] =>
    Array.from({ length: 128 }, (_, code) => code).filter(
      (code) => functionFacts(code).functionClass === wanted,
    );
  const users = [65, 66, 67, 68, 69, 70, 71, 72];
  const more = [100, 101, 102, 103, 104, 105, 106, 107, 108, 109, 110];
  assert.deepEqual(byClass('userDefined'), [...users, ...more]);
  assert.deepEqual(byClass('reserved'), [9, 10, 13, 14, 41, 42, 90, 91, 125, 126, 127]);
  assert.deepEqual(byClass('vendor'), [18, 19, 40]);
  assert.deepEqual(byClass('invalid'), [0]);
});

// biome-ignore format: one case per line
const exceptions = [
  { code: 1,  name: 'illegalFunction',                    legalFor: [3, 7, 8, 43, 100], illegalFor: [] },
  { code: 2,  name: 'illegalDataAddress',                 legalFor: [1, 3, 16, 43],     illegalFor: [7, 8, 11, 12, 17] },
  { code: 3,  name: 'illegalDataValue',                   legalFor: [1, 8, 24],         illegalFor: [7, 11, 12, 17] },
  { code: 4,  name: 'serverDeviceFailure',                legalFor: [1, 17],            illegalFor: [] },
  { code: 5,  name: 'acknowledge',                        legalFor: [20],               illegalFor: [] },
  { code: 6,  name: 'serverDeviceBusy',                   legalFor: [3],                illegalFor: [] },
  { code: 7,  name: 'unknownException(7)',                legalFor: [],                 illegalFor: [3] },
  { code: 8,  name: 'memoryParityError',                  legalFor: [20, 21],           illegalFor: [3, 16] },
  { code: 10, name: 'gatewayPathUnavailable',             legalFor: [3],                illegalFor: [] },
  { code: 11, name: 'gatewayTargetDeviceFailedToRespond', legalFor: [8],                illegalFor: [] },
  { code: 99, name: 'unknownException(99)',               legalFor: [],                 illegalFor: [3] },
] as const;

for (const { code, name, legalFor, illegalFor } of exceptions) {
  test(`exception ${code} is ${name}`, () => {
    assert.equal(exceptionName(code), name);
    for (const functionCode of legalFor) assert.ok(isExceptionLegal(code, functionCode));
    for (const functionCode of illegalFor) assert.ok(!isExceptionLegal(code, functionCode));
  });
}
