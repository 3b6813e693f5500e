/**
 * Changes the frames between the switch and the sensor's port as some mirrors do. `vlanTrunk`: each
 * frame gets a VLAN tag. `prp`: every frame comes twice, as from two redundant networks (IEC
 * 62439-3), each copy with its Redundancy Control Trailer of six bytes:
 *
 *    | sequence 16 | LAN 4 (0xA, 0xB) | LSDU size 12 | suffix 0x88FB 16 |
 *
 * `cut`: as a switch that truncates its mirror. `untagged`: as several VLANs without their tags,
 * each packet from both sides of a router. `halved`: what the server sends is missing. `lossy`: one
 * frame in ten is, as when the mirror port is overrun. `twice`, `pass`: as they say.
 * A small Python program does it: tc can't append to a frame, and can't tag on every kernel.
 */
import type { BenchProcess } from '../bench-process.ts';
import type { Host } from './host.ts';

export type Rewriting =
  | 'vlanTrunk'
  | 'prp'
  | 'cut'
  | 'untagged'
  | 'halved'
  | 'lossy'
  | 'twice'
  | 'pass';

/** Debian's own Python: a shim of a version manager costs 0.1 s. */
export const PYTHON = '/usr/bin/python3';
export const TRUNK_VLAN_ID = 100;

const PROGRAM = `
import json, socket, struct, sys
ETH_P_ALL, PACKET_OUTGOING = 3, 4
kind, vlan = sys.argv[3], int(sys.argv[4])
source = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
source.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8 << 20)
source.bind((sys.argv[1], ETH_P_ALL))
sink = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
sink.bind((sys.argv[2], 0))
print(json.dumps({'ready': 'mirror-rewriter'}), flush=True)
sequence = 0
def send(frame):
    # A cable that is out loses the frame, and no more.
    try: sink.send(frame)
    except OSError: pass
while True:
    frame, address = source.recvfrom(2048)
    if address[2] == PACKET_OUTGOING: continue
    if kind == 'vlanTrunk':
        send(frame[:12] + struct.pack('>HH', 0x8100, vlan) + frame[12:])
        continue
    if kind != 'prp':
        sequence += 1
        if kind == 'cut': frame = frame[:60]
        fromServer = frame[12:14] == b'\\x08\\0' and frame[34:36] == b'\\x01\\xf6'
        if kind == 'halved' and fromServer: continue
        if kind == 'lossy' and sequence % 10 == 0: continue
        send(frame)
        if kind == 'twice': send(frame)
        if kind == 'untagged' and frame[12:14] == b'\\x08\\0':
            send(frame[:22] + bytes([frame[22] - 1]) + frame[23:])
        continue
    frame = frame.ljust(60, b'\\0')
    size = len(frame) - 14 + 6
    for lan in (0xA, 0xB):
        send(frame + struct.pack('>HHH', sequence & 0xffff, lan << 12 | size, 0x88fb))
    sequence += 1
`;

/** Reads `from` and sends what it makes of it on `to`, until it is stopped. */
export async function startMirrorRewriter(
  host: Host,
  from: string,
  to: string,
  kind: Rewriting,
): Promise<BenchProcess> {
  const words = [PYTHON, '-c', PROGRAM, from, to, kind, String(TRUNK_VLAN_ID)];
  const rewriter = host.start(words);
  await rewriter.ready();
  return rewriter;
}
