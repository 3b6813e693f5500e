/** Whether the plant's protocols are heard, and what was heard instead. */
import { type Finding, fault, good, unknown, warning } from '../check.ts';
import type { DoctorFacts } from '../doctor-facts.ts';

const PORTS_NAMED_MAX = 4;
/** Encrypted messages in a row that are enough to say "only encrypted". */
const ENCRYPTED_MIN = 3;
/** A plant polls all the time; fewer frames than these are somebody's neighbours. */
const FRAMES_MIN = 20;

interface Counted {
  modbus: number;
  opcua: number;
  transactions: number;
  encrypted: number;
  frames: number;
}

export function protocolChecks(facts: DoctorFacts): Finding[] {
  if (facts.status === undefined && facts.heard.length === 0) {
    return [unknown('protocols', 'needs the agent, or the right to capture', ['permission'])];
  }
  const counted = countedOf(facts);
  const figure = `${counted.modbus} Modbus messages, ${counted.opcua} OPC UA messages`;
  if (counted.modbus > 0) return [good('protocols', figure), ...encryptedChecks(counted)];
  if (counted.opcua > 0) {
    const only = encryptedChecks(counted);
    return only.length > 0 ? only : [good('protocols', figure)];
  }
  if (counted.frames === 0) {
    return [unknown('protocols', 'nothing was heard', ['traffic:', 'interface:', 'serial:'])];
  }
  if (counted.frames < FRAMES_MIN) {
    const few = `${counted.frames} frames: too few to tell (--seconds 30 listens longer)`;
    return [unknown('protocols', few, ['traffic:', 'interface:'])];
  }
  const heard = facts.heard
    .flatMap(({ ports }) => ports)
    .toSorted((a, b) => b.frames - a.frames)
    .slice(0, PORTS_NAMED_MAX)
    .map(({ what }) => what);
  const instead = heard.length === 0 ? '' : ` What came was: ${heard.join(', ')}.`;
  return [
    fault('protocols', `${counted.frames} frames, none of Modbus or OPC UA`, {
      cause: `Frames come, and none of them is Modbus or OPC UA.${instead}`,
      remedy:
        'The mirror copies the wrong port or VLAN: take the port of a controller as its source. ' +
        'If the plant uses other ports, name them in decode.modbusPorts and decode.opcuaPorts.',
      dependsOn: ['mirror:cut:'],
    }),
  ];
}

function encryptedChecks({ encrypted, transactions, opcua }: Counted): Finding[] {
  if (encrypted < ENCRYPTED_MIN || transactions > 0 || opcua === 0) return [];
  return [
    warning('protocols:encrypted', `${encrypted} encrypted OPC UA messages, none readable`, {
      cause: 'All OPC UA here is encrypted: who talks to whom is known, what they say is not.',
      remedy:
        'Nothing is wrong. To see values, let the server offer security mode Sign to a client, ' +
        'or accept what is seen: sizes, times, certificates, logins.',
    }),
  ];
}

/** What doctor heard itself, and the agent since its start. */
function countedOf({ heard, status }: DoctorFacts): Counted {
  const counted = { modbus: 0, opcua: 0, transactions: 0, encrypted: 0, frames: 0 };
  for (const each of heard) {
    counted.modbus += each.modbusRequests + each.modbusResponses;
    counted.opcua += each.opcuaMessages;
    counted.transactions += each.opcuaTransactions;
    counted.encrypted += each.opcuaEncrypted;
    counted.frames += each.frames;
  }
  if (status !== undefined) {
    const { traffic } = status;
    counted.modbus += traffic.modbusRequests + traffic.modbusResponses + traffic.modbusExceptions;
    counted.opcua += traffic.opcuaTransportMessages;
    counted.transactions += traffic.opcuaTransactions;
    counted.encrypted += traffic.opcuaEncryptedMessages;
    counted.frames += traffic.frames;
  }
  return counted;
}
