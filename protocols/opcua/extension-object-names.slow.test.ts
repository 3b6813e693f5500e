// Names of the standard's structures against the list that node-opcua carries.
import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { test } from 'node:test';
import { EXTENSION_OBJECT_NAMES } from './extension-object-names.ts';

test('every name is the one of its number in node-opcua', () => {
  const { ObjectIds } = createRequire(import.meta.url)('node-opcua');
  for (const [id, name] of Object.entries(EXTENSION_OBJECT_NAMES)) {
    assert.equal(ObjectIds[`${name}_Encoding_DefaultBinary`], Number(id), name);
  }
});
