/** All targets in the order in which blocks take their turn: the cheap and deep ones come often. */
import { frameTargets } from './frame-targets.ts';
import type { FuzzTarget } from './fuzz-target.ts';
import type { FuzzSeeds } from './seeds.ts';
import { serialTarget } from './serial-target.ts';
import { streamTargets } from './stream-targets.ts';
import { tlsTarget } from './tls-target.ts';
import { uadpTarget } from './uadp-target.ts';

const TURNS = ['modbus', 'opcua', 'link', 'modbus', 'opcua', 'link', 'modbus', 'opcua', 'link'];
const ONCE = ['tls', 'file', 'certificate', 'explain', 'uadp', 'serial'];

export function allTargets(seeds: FuzzSeeds): FuzzTarget[] {
  const targets = [
    ...streamTargets(seeds),
    ...frameTargets(seeds),
    tlsTarget(seeds),
    uadpTarget(),
    serialTarget(seeds),
  ];
  return [...TURNS, ...ONCE].flatMap((name) => targets.filter((target) => target.name === name));
}
