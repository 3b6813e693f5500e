/**
 * Two redundant networks (PRP, IEC 62439-3) on one mirror: every frame comes twice, once from LAN A
 * and once from LAN B, each with its Redundancy Control Trailer of six bytes:
 *
 *    | sequence 16 | LAN 4 (0xA, 0xB) | LSDU size 12 | suffix 0x88FB 16 |
 *
 * A small Python program does it: the kernel's tc can't append to a frame.
 */
import type { BenchProcess } from '../bench-process.ts';
import type { Host } from './host.ts';

/** Debian's own Python: a shim of a version manager costs 0.1 s. */
export const PYTHON = '/usr/bin/python3';

const PROGRAM = `
import json, socket, struct, sys
ETH_P_ALL, PACKET_OUTGOING = 3, 4
source = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
source.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8 << 20)
source.bind((sys.argv[1], ETH_P_ALL))
sink = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
sink.bind((sys.argv[2], 0))
print(json.dumps({'ready': 'prp-lans'}), flush=True)
sequence = 0
while True:
    frame, address = source.recvfrom(2048)
    if address[2] == PACKET_OUTGOING: continue
    frame = frame.ljust(60, b'\\0')
    size = len(frame) - 14 + 6
    for lan in (0xA, 0xB):
        sink.send(frame + struct.pack('>HHH', sequence & 0xffff, lan << 12 | size, 0x88fb))
    sequence += 1
`;

/** Reads `from` and sends each frame twice on `to`, until it is stopped. */
export async function startPrpLans(host: Host, from: string, to: string): Promise<BenchProcess> {
  const lans = host.start([PYTHON, '-c', PROGRAM, from, to]);
  await lans.ready();
  return lans;
}
