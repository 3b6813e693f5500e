/** Which interface is the mirror port: judged by what each one heard, never by its name. */
import type { Heard, InterfaceFacts } from './doctor-facts.ts';

export interface Proposal {
  /** In the order of the configuration; empty when nothing stands out. */
  readonly names: readonly string[];
  /** Two ports of which each brings one direction. */
  readonly isTap: boolean;
  /** Why, as a sentence. */
  readonly because: string;
}

/** A mirror brings what isn't for us; a port with an address mostly hears itself. */
const ADDRESS_WEIGHT = 0.1;
const PLANT_WEIGHT = 1000;
const SENDERS_MIN = 2;

export function propose(interfaces: readonly InterfaceFacts[], heard: readonly Heard[]): Proposal {
  const tap = tapOf(heard);
  if (tap !== undefined) {
    const because = `${tap.join(' and ')} each bring one direction: the two ports of a tap.`;
    return { names: tap, isTap: true, because };
  }
  const scored = heard
    .map((each) => ({ each, score: scoreOf(each, interfaces) }))
    .filter(({ score }) => score > 0)
    .sort((a, b) => b.score - a.score);
  const [best] = scored;
  if (best === undefined) {
    const because = 'No interface brings traffic between other devices.';
    return { names: [], isTap: false, because };
  }
  const { each } = best;
  const plant = plantMessages(each);
  const because =
    plant > 0
      ? `${each.interfaceName} brings the plant: ${plant} Modbus and OPC UA messages.`
      : `${each.interfaceName} brings traffic of ${each.senders} devices, no plant protocol yet.`;
  return { names: [each.interfaceName], isTap: false, because };
}

export function plantMessages(heard: Heard): number {
  return heard.modbusRequests + heard.modbusResponses + heard.opcuaMessages;
}

function scoreOf(each: Heard, interfaces: readonly InterfaceFacts[]): number {
  const facts = interfaces.find(({ name }) => name === each.interfaceName);
  const hasAddress = (facts?.addresses.length ?? 0) > 0;
  const score =
    plantMessages(each) * PLANT_WEIGHT + (each.senders >= SENDERS_MIN ? each.frames : 0);
  return hasAddress ? score * ADDRESS_WEIGHT : score;
}

/** Requests on the one, answers on the other, both one-sided. */
function tapOf(heard: readonly Heard[]): string[] | undefined {
  const asking = heard.find((each) => each.modbusRequests > 0 && each.modbusResponses === 0);
  const answering = heard.find((each) => each.modbusResponses > 0 && each.modbusRequests === 0);
  if (asking === undefined || answering === undefined) return undefined;
  return [answering.interfaceName, asking.interfaceName];
}
