/**
 * Every function code by name, class, access and object: the table of FIELDS.md 1.2.
 * Spec: MODBUS Application Protocol V1.1b3, sections 5 and 6 and annex A. The names of 9 to 19, 40,
 * 41, 91 and 125 to 127 are not in the specification; they are those of the older Modicon list, as
 * Zeek prints them.
 */

export type FunctionClass = 'public' | 'userDefined' | 'reserved' | 'vendor' | 'invalid';
export type FunctionAccess =
  | 'read'
  | 'write'
  | 'readWrite'
  | 'diagnostic'
  | 'file'
  | 'identify'
  | 'program';
export type FunctionObject =
  | 'coil'
  | 'discreteInput'
  | 'holdingRegister'
  | 'inputRegister'
  | 'file'
  | 'none';

export interface FunctionFacts {
  readonly functionName: string;
  readonly functionClass: FunctionClass;
  /** Absent where nobody outside the vendor knows. */
  readonly access?: FunctionAccess;
  readonly object?: FunctionObject;
  /** False for a code that no source gives a meaning. */
  readonly isKnown: boolean;
}

export const FUNCTION_CODE_MAX = 127;

// biome-ignore format: one function code per line
const ROWS: readonly (readonly [number, string, FunctionClass, FunctionAccess?, FunctionObject?])[] = [
  [1,   'readCoils',                     'public',   'read',       'coil'],
  [2,   'readDiscreteInputs',            'public',   'read',       'discreteInput'],
  [3,   'readHoldingRegisters',          'public',   'read',       'holdingRegister'],
  [4,   'readInputRegisters',            'public',   'read',       'inputRegister'],
  [5,   'writeSingleCoil',               'public',   'write',      'coil'],
  [6,   'writeSingleRegister',           'public',   'write',      'holdingRegister'],
  [7,   'readExceptionStatus',           'public',   'diagnostic', 'none'],
  [8,   'diagnostics',                   'public',   'diagnostic', 'none'],
  [9,   'program484',                    'reserved', 'program',    'none'],
  [10,  'poll484',                       'reserved', 'program',    'none'],
  [11,  'getCommEventCounter',           'public',   'diagnostic', 'none'],
  [12,  'getCommEventLog',               'public',   'diagnostic', 'none'],
  [13,  'program584',                    'reserved', 'program',    'none'],
  [14,  'poll584',                       'reserved', 'program',    'none'],
  [15,  'writeMultipleCoils',            'public',   'write',      'coil'],
  [16,  'writeMultipleRegisters',        'public',   'write',      'holdingRegister'],
  [17,  'reportServerId',                'public',   'identify',   'none'],
  [18,  'program884',                    'vendor',   'program',    'none'],
  [19,  'resetCommLink884',              'vendor',   'diagnostic', 'none'],
  [20,  'readFileRecord',                'public',   'file',       'file'],
  [21,  'writeFileRecord',               'public',   'file',       'file'],
  [22,  'maskWriteRegister',             'public',   'write',      'holdingRegister'],
  [23,  'readWriteMultipleRegisters',    'public',   'readWrite',  'holdingRegister'],
  [24,  'readFifoQueue',                 'public',   'read',       'holdingRegister'],
  [40,  'programConcept',                'vendor',   'program',    'none'],
  [41,  'multipleFunctionCodes',         'reserved'],
  [42,  'reservedFunction(42)',          'reserved'],
  [43,  'encapsulatedInterfaceTransport','public',   'identify',   'none'],
  [90,  'schneiderUmas',                 'reserved', 'program',    'none'],
  [91,  'objectMessaging',               'reserved'],
  [125, 'firmwareReplacement',           'reserved', 'program',    'none'],
  [126, 'program584Second',              'reserved', 'program',    'none'],
  [127, 'reportLocalAddress',            'reserved', 'identify',   'none'],
];

const FACTS: readonly FunctionFacts[] = buildFacts();

/** Function code 43 is named by its MEI type (V1.1b3 sections 6.19 to 6.21). */
const FACTS_BY_MEI_TYPE: ReadonlyMap<number, FunctionFacts> = new Map([
  [13, { ...FACTS[43], functionName: 'canOpenGeneralReference', access: 'readWrite' as const }],
  [14, { ...FACTS[43], functionName: 'readDeviceIdentification' }],
]);

/** `functionCode` without bit 7; `meiType` is the byte after a function code 43. */
export function functionFacts(functionCode: number, meiType?: number): FunctionFacts {
  const facts = FACTS[functionCode & FUNCTION_CODE_MAX];
  if (functionCode !== 43 || meiType === undefined) return facts;
  return FACTS_BY_MEI_TYPE.get(meiType) ?? facts;
}

function buildFacts(): FunctionFacts[] {
  const facts = Array.from({ length: FUNCTION_CODE_MAX + 1 }, (_, functionCode) =>
    unlistedFacts(functionCode),
  );
  for (const [functionCode, functionName, functionClass, access, object] of ROWS) {
    facts[functionCode] = {
      functionName,
      functionClass,
      ...(access === undefined ? {} : { access }),
      ...(object === undefined ? {} : { object }),
      isKnown: true,
    };
  }
  return facts;
}

/** Section 5: 65 to 72 and 100 to 110 are the user's; the unassigned rest of 1 to 127 is public. */
function unlistedFacts(functionCode: number): FunctionFacts {
  if (functionCode === 0) {
    return { functionName: 'unknownFunction(0)', functionClass: 'invalid', isKnown: false };
  }
  const isUserDefined =
    (functionCode >= 65 && functionCode <= 72) || (functionCode >= 100 && functionCode <= 110);
  return isUserDefined
    ? {
        functionName: `userDefinedFunction(${functionCode})`,
        functionClass: 'userDefined',
        isKnown: true,
      }
    : {
        functionName: `unknownFunction(${functionCode})`,
        functionClass: 'public',
        isKnown: false,
      };
}
