/**
 * For tests: the services of a small plant as bytes, and a conversation that uses them: a login
 * over three chunks, a subscription and its value, a read.
 */
import {
  type Bytes,
  CLEAR_CHANNEL,
  chunk,
  int32,
  message,
  NULL_TEXT,
  request,
  response,
  type Sent,
  sequence,
  text,
} from './opcua-made-traffic.ts';

const node = (name: string): Bytes => [3, 2, 0, ...text(name)];
const readValueId = (name: string): Bytes => [
  ...node(name),
  ...int32(13),
  ...NULL_TEXT,
  0,
  0,
  ...NULL_TEXT,
];
const DOUBLE_0: Bytes = [0, 0, 0, 0, 0, 0, 0, 0];
const DOUBLE_48_5: Bytes = [0, 0, 0, 0, 0, 0x40, 0x48, 0x40];
export const READ = request(631, DOUBLE_0, int32(0), int32(1), readValueId('Pump1.Speed'));
export const READ_ANSWER = response(634, 0, int32(1), [1, 11, ...DOUBLE_48_5], int32(0));
export const PUBLISH = request(826, int32(0));
export const CREATE_ITEMS = request(
  751,
  int32(5),
  int32(2),
  int32(1),
  readValueId('Level'),
  int32(2),
  int32(77),
  DOUBLE_0,
  [0, 0, 0],
  int32(1),
  [1],
);
export const ITEMS_CREATED = response(
  754,
  0,
  int32(1),
  int32(0),
  int32(3),
  DOUBLE_0,
  int32(1),
  [0, 0, 0],
  int32(0),
);
const CHANGE = [...int32(1), ...int32(77), 1, 11, ...DOUBLE_48_5, ...int32(0)];
const notification = (changes: Bytes): Bytes => [
  1,
  0,
  0x2b,
  3,
  1,
  ...int32(changes.length),
  ...changes,
];
export const PUBLISHED = response(
  829,
  0,
  int32(5),
  int32(0),
  [0],
  int32(1),
  DOUBLE_0,
  int32(1),
  notification(CHANGE),
  int32(0),
  int32(0),
);
export const PASSWORD = 'tr0ub4dor&3';
const TOKEN = [...text('policy'), ...text('operator1'), ...text(PASSWORD), ...NULL_TEXT];
export const LOGIN = request(
  467,
  text('rsa'),
  text('SIGNATURE'),
  int32(0),
  int32(0),
  [1, 0, 0x44, 1, 1],
  int32(TOKEN.length),
  TOKEN,
  NULL_TEXT,
  NULL_TEXT,
);
export const LOGGED_IN = response(470, 0, NULL_TEXT, int32(0), int32(0));

export const conversation: readonly Sent[] = [
  ...CLEAR_CHANNEL,
  {
    from: 0,
    bytes: [
      ...chunk('C', 2, 2, LOGIN.slice(0, 100)),
      ...chunk('C', 3, 2, LOGIN.slice(100, 120)),
      ...chunk('F', 4, 2, LOGIN.slice(120)),
    ],
  },
  { from: 1, bytes: chunk('F', 2, 2, LOGGED_IN) },
  { from: 0, bytes: [...chunk('F', 5, 3, CREATE_ITEMS), ...chunk('F', 6, 4, PUBLISH)] },
  { from: 1, bytes: chunk('F', 3, 3, ITEMS_CREATED) },
  { from: 0, bytes: chunk('F', 7, 5, READ) },
  { from: 1, bytes: [...chunk('F', 4, 5, READ_ANSWER), ...chunk('F', 5, 4, PUBLISHED)] },
  { from: 0, bytes: message('CLOF', int32(7), int32(1), sequence(8, 6), request(452)) },
];
