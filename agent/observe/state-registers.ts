/** Pages of register memory and OPC UA nodes as state rows, and back. */
import type { StateRow } from '../../protocols/interval-report.ts';
import type { MappedObject } from '../../protocols/modbus/register-map.ts';
import type { NodeMemory, NodeRow } from './node-memory.ts';
import { REGULARITY_STATE_NUMBERS } from './periodic-rows.ts';
import type { RegisterMemory } from './register-memory.ts';
import { PAGE_POINTS } from './register-points.ts';
import { isNumbers, isObject, itemsOf, numberOr, textOf } from './state-check.ts';
import { STATE_VERSION } from './state-version.ts';

const OBJECTS: readonly MappedObject[] = [
  'coil',
  'discreteInput',
  'holdingRegister',
  'inputRegister',
];
const PAGES_OF_BANK = 65_536 / PAGE_POINTS;
/** Numbers of a saved point: bit, value, minimum, maximum, changes, last change. */
const POINT_NUMBERS = 6;

export function savePage(registers: RegisterMemory, page: number): StateRow {
  const { points } = registers;
  const { serverIpAddress, unitId, object } = registers.banks[points.bank[page]];
  const number = points.number[page];
  const writes = points.writes.get(page);
  points.settle(page);
  const saved: number[][] = [];
  const written: (string | number)[][] = [];
  for (let bit = 0; bit < PAGE_POINTS; bit++) {
    if ((points.known[page] & (1 << bit)) === 0) continue;
    const { value, minimum, maximum, changesCount, lastChangeUs } = points.point(page, bit);
    saved.push([bit, value, minimum, maximum, changesCount, lastChangeUs]);
    if (writes === undefined || writes.count[bit] === 0) continue;
    const writer = registers.writers.nameOf(writes.writer[bit]);
    written.push([bit, writer, writes.timeUs[bit], writes.count[bit]]);
  }
  const body = {
    serverIpAddress,
    unitId,
    object,
    number,
    firstSeenUs: points.firstSeenUs[page],
    lastSeenUs: points.lastSeenUs[page],
    points: saved,
    ...(written.length > 0 && { written }),
  };
  const key = `${serverIpAddress} ${unitId} ${object} ${number}`;
  return { kind: 'registers', key, version: STATE_VERSION, body: JSON.stringify(body) };
}

export function restorePage(registers: RegisterMemory, body: unknown): boolean {
  if (!isObject(body)) return false;
  const server = textOf(body.serverIpAddress);
  const unitId = numberOr(body.unitId, -1);
  const object = OBJECTS.find((each) => each === body.object);
  const number = numberOr(body.number, -1);
  if (server === undefined || object === undefined || !isWithin(unitId, 256)) return false;
  if (!isWithin(number, PAGES_OF_BANK)) return false;
  const bank = registers.bank(server, unitId, object);
  if (bank < 0) return false;
  registers.forgetBlocks();
  const { points } = registers;
  const wasKnown = registers.banks[bank].pages.at(number) >= 0;
  const page = registers.page(bank, number, numberOr(body.firstSeenUs, 0));
  if (page < 0) return false;
  points.firstSeenUs[page] = Math.min(points.firstSeenUs[page], numberOr(body.firstSeenUs, 0));
  points.lastSeenUs[page] = Math.max(points.lastSeenUs[page], numberOr(body.lastSeenUs, 0));
  for (const saved of itemsOf(body.points, PAGE_POINTS)) {
    if (isNumbers(saved, POINT_NUMBERS) && isWithin(saved[0], PAGE_POINTS)) {
      restorePoint(registers, page, saved);
    }
  }
  for (const saved of itemsOf(body.written, PAGE_POINTS)) {
    const [bit, writer, timeUs, count] = itemsOf(saved, 4);
    if (typeof bit !== 'number' || !isWithin(bit, PAGE_POINTS)) continue;
    if (typeof writer !== 'string' || typeof timeUs !== 'number') continue;
    const writes = points.writesOf(page);
    if (writes.timeUs[bit] < timeUs) {
      writes.writer[bit] = registers.writers.numberOf(writer);
      writes.timeUs[bit] = timeUs;
    }
    writes.count[bit] += numberOr(count, 1);
  }
  if (!wasKnown) points.savedUs[page] = points.lastSeenUs[page];
  return true;
}

function restorePoint(registers: RegisterMemory, page: number, saved: readonly number[]): void {
  const { points } = registers;
  const [bit, value, minimum, maximum, changesCount, lastChangeUs] = saved;
  points.settle(page);
  if ((points.known[page] & (1 << bit)) === 0) {
    points.setPoint(page, bit, { value, minimum, maximum, changesCount, lastChangeUs });
    return;
  }
  // Heard since the start: the value of now counts, with the range of before.
  const now = points.point(page, bit);
  const isOther = now.changesCount === 0 && now.value !== value;
  const changeUs = isOther ? points.lastSeenUs[page] : lastChangeUs;
  points.setPoint(page, bit, {
    value: now.value,
    minimum: Math.min(now.minimum, minimum),
    maximum: Math.max(now.maximum, maximum),
    changesCount: now.changesCount + changesCount + (isOther ? 1 : 0),
    lastChangeUs: now.lastChangeUs > 0 ? now.lastChangeUs : changeUs,
  });
}

export function saveNode(nodes: NodeMemory, node: NodeRow): StateRow {
  const { row, news: _, savedUs: __, ...facts } = node;
  const browseName = nodes.browseName(node.server, node.nodeId);
  const body = { ...facts, browseName, regularity: nodes.rows.state(row) };
  const key = `${node.server} ${node.attributeId} ${node.nodeId}`;
  return { kind: 'node', key, version: STATE_VERSION, body: JSON.stringify(body) };
}

export function restoreNode(nodes: NodeMemory, body: unknown): boolean {
  if (!isObject(body)) return false;
  const server = textOf(body.server);
  const nodeId = textOf(body.nodeId);
  const { regularity } = body;
  if (server === undefined || nodeId === undefined) return false;
  if (!isNumbers(regularity, REGULARITY_STATE_NUMBERS)) return false;
  const node = nodes.node(server, nodeId, numberOr(body.attributeId, 13));
  if (node === undefined) return false;
  const browseName = textOf(body.browseName);
  if (browseName !== undefined) nodes.setName(server, nodeId, browseName);
  for (const name of ['readsCount', 'notificationsCount', 'writesCount', 'changesCount'] as const) {
    node[name] += numberOr(body[name], 0);
  }
  for (const name of ['lastChangeUs', 'lastWriteUs'] as const) {
    const value = body[name];
    if (typeof value === 'number') node[name] ??= value;
  }
  const { minimum, maximum } = body;
  if (typeof minimum === 'number') node.minimum = Math.min(node.minimum ?? minimum, minimum);
  if (typeof maximum === 'number') node.maximum = Math.max(node.maximum ?? maximum, maximum);
  const writer = textOf(body.lastWriter);
  if (writer !== undefined) node.lastWriter ??= writer;
  if (nodes.rows.countOf(node.row) > 0) {
    nodes.rows.addEarlier(node.row, 0, regularity[1]);
    return true;
  }
  const { value, statusCode } = body;
  const type = textOf(body.type);
  const statusName = textOf(body.statusName);
  if (isValue(value)) node.value = value;
  if (type !== undefined) node.type = type;
  node.statusCode = numberOr(statusCode, 0);
  if (statusName !== undefined) node.statusName = statusName;
  nodes.rows.restore(node.row, regularity);
  node.news = 'none';
  node.savedUs = regularity[2];
  return true;
}

function isValue(value: unknown): value is number | boolean | string {
  return typeof value === 'number' || typeof value === 'boolean' || typeof value === 'string';
}

function isWithin(value: number, end: number): boolean {
  return Number.isInteger(value) && value >= 0 && value < end;
}
