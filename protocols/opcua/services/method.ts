/**
 * Method service Call (OPC 10000-4 §5.11): a command to an object of the server.
 */
import { diagnosticInfo } from '../diagnostic-info.ts';
import { nodeId } from '../node-id.ts';
import { GOOD, statusCode } from '../status-code.ts';
import { arrayOf, skipped, structure } from '../structure.ts';
import { variant } from '../variant.ts';

const NULL_VARIANT = { type: 'Null' } as const;

const callMethodRequest = structure({
  objectId: nodeId,
  methodId: nodeId,
  inputArguments: arrayOf(variant, 1, NULL_VARIANT),
});

const callMethodResult = structure({
  statusCode,
  inputArgumentResults: arrayOf(statusCode, 4, GOOD),
  inputArgumentDiagnosticInfos: skipped(arrayOf(diagnosticInfo, 1, {})),
  outputArguments: arrayOf(variant, 1, NULL_VARIANT),
});

export const callRequest = structure({ methodsToCall: arrayOf(callMethodRequest, 8, {}) });

export const callResponse = structure({
  results: arrayOf(callMethodResult, 16, {}),
  diagnosticInfos: arrayOf(diagnosticInfo, 1, {}),
});
