/**
 * What an attacker or a broken device sends: frames to everybody, as many as asked for. Of every
 * eight, two want an answer from any host (ARP for all addresses, ICMP echo to all), the others
 * open TCP connections to ports of all kinds, each a flow of its own.
 */
import type { Host } from '../plant/host.ts';
import { PYTHON } from '../plant/mirror-rewriter.ts';

const PROGRAM = `
import json, socket, struct, sys, time
port, frames, rate = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
s.bind((port, 0))
own = s.getsockname()[4]
def checksum(data):
    total = sum(struct.unpack('>%dH' % (len(data) // 2), data))
    total = (total >> 16) + (total & 0xffff)
    return ~(total + (total >> 16)) & 0xffff
def ip(protocol, source, target, body):
    size = 20 + len(body)
    head = struct.pack('>BBHHHBBH4s4s', 0x45, 0, size, 1, 0, 64, protocol, 0, source, target)
    return head[:10] + struct.pack('>H', checksum(head)) + head[12:] + body
everybody, sent, began = b'\\xff' * 6, 0, time.monotonic()
for count in range(frames):
    source = bytes([10, 77, 128 | count >> 16 & 127, count >> 8 & 255])
    if count % 8 == 0:
        target = bytes([10, 77, 0, count // 8 & 255])
        frame = everybody + own + b'\\x08\\x06' + struct.pack(
            '>HHBBH6s4s6s4s', 1, 0x800, 6, 4, 1, own, source, bytes(6), target)
    elif count % 8 == 1:
        echo = struct.pack('>BBHHH', 8, 0, 0xf7ff & ~(count & 0xff), 0, count & 0xff)
        frame = everybody + own + b'\\x08\\x00' + ip(1, source, b'\\x0a\\x4d\\x00\\xff', echo)
    else:
        ports = (1024 + count % 60000, 1 + count % 1024)
        syn = struct.pack('>HHIIBBHHH', *ports, count, 0, 0x50, 2, 512, 0, 0)
        target = bytes([10, 77, 0, 10 + count % 60])
        frame = everybody + own + b'\\x08\\x00' + ip(6, source, target, syn)
    try:
        s.send(frame.ljust(60, b'\\0')); sent += 1
    except OSError: pass
    if rate and count % 64 == 0:
        ahead = count / rate - (time.monotonic() - began)
        if ahead > 0: time.sleep(ahead)
print(json.dumps({'sent': sent, 'seconds': time.monotonic() - began}))
`;

export interface FloodOptions {
  readonly frames: number;
  /** Frames a second; 0 for as fast as the sender can. */
  readonly rate: number;
}

export interface Flood {
  readonly sent: number;
  readonly seconds: number;
  /** By performance.now(), when the sender had ended: some milliseconds after its last frame. */
  readonly endedMs: number;
}

/** Returns when the last frame is sent. */
export async function flood(host: Host, { frames, rate }: FloodOptions): Promise<Flood> {
  const process = host.start([PYTHON, '-c', PROGRAM, 'eth0', String(frames), String(rate)]);
  const { exitCode, stdout, stderr } = await process.ended();
  const endedMs = performance.now();
  if (exitCode !== 0) throw new Error(`the flood ended early: ${stderr}`);
  // Written by the program above.
  const { sent, seconds } = JSON.parse(stdout) as { sent: number; seconds: number };
  return { sent, seconds, endedMs };
}
