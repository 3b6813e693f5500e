/**
 * Address Resolution Protocol, field by field: who asks for whose address, which is how a device
 * that was replaced gives itself away. Spec: RFC 826.
 *
 *    0                 2               4          5          6           8
 *    | hardware type   | protocol type | hardware | protocol | operation | hardware and protocol
 *    |                 |               |  length  |  length  |           | address: sender, target
 */
import { formatIpv4, formatMac, IPV4_BYTES, MAC_BYTES } from './addresses.ts';
import { addLayer, hexNumber, type LayerWalk, type NextLayer, NO_LAYER } from './explain-layer.ts';

const HEADER_BYTES = 8;
const OPERATIONS = ['', 'request', 'reply', 'reverse request', 'reverse reply'];

export function explainArp(walk: LayerWalk): NextLayer {
  const hardwareBytes = walk.bytes[walk.position + 4] ?? 0;
  const protocolBytes = walk.bytes[walk.position + 5] ?? 0;
  const isUsual = hardwareBytes === MAC_BYTES && protocolBytes === IPV4_BYTES;
  addLayer(walk, 'arp', HEADER_BYTES + 2 * (hardwareBytes + protocolBytes), (list) => {
    list.number('hardwareType', 2);
    list.number('protocolType', 2, (type) => hexNumber(type, 4));
    list.number('hardwareAddressBytes', 1);
    list.number('protocolAddressBytes', 1);
    const operation = list.number('operation', 2, (code) => `${code} (${OPERATIONS[code] ?? '?'})`);
    for (const whose of ['sender', 'target']) {
      if (isUsual) {
        list.text(`${whose}MacAddress`, MAC_BYTES, formatMac);
        list.text(`${whose}IpAddress`, IPV4_BYTES, formatIpv4);
      } else {
        list.add(`${whose}HardwareAddress`, hardwareBytes, '');
        list.add(`${whose}ProtocolAddress`, protocolBytes, '');
      }
    }
    return OPERATIONS[operation] ?? '';
  });
  return NO_LAYER;
}
