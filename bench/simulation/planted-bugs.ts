/**
 * Bugs that this product must not have, planted by changing what passes its ports: each one is what
 * a tired programmer would write. The simulation has to find every one of them.
 */
import Sqlite from 'better-sqlite3';
import type { UplinkLink } from '../../agent/uplink/link.ts';
import type { DiskImage, LeftImage } from './disk.ts';
import type { Gateway } from './gateway.ts';
import type { BufferPlant } from './observed-buffer.ts';
import type { World } from './world.ts';

export const PLANT_NAMES = [
  'deleteOnPuback',
  'skipFsync',
  'reuseSequence',
  'receiptsOutOfOrder',
] as const;
export type PlantName = (typeof PLANT_NAMES)[number];

/** What stands at the ports of the gateway; `noPlant` lets everything pass as it is. */
export interface Plant {
  buffer(gateway: Gateway): BufferPlant;
  link(link: UplinkLink, gateway: Gateway): UplinkLink;
  /** What a crash leaves of the disk. */
  leftBy(left: LeftImage): LeftImage;
  started(gateway: Gateway): void;
}

export const noPlant: Plant = {
  buffer: () => ({}),
  link: (link) => link,
  leftBy: (left) => left,
  started: () => {},
};

/** How long an operating system keeps what nobody has synced. */
const WRITE_BACK_MS = 30_000;
const SEQUENCES_TO_REUSE = 7;
const SERIAL_ABOVE_ALL = 1_000_000;

export function plantOf(name: PlantName, world: World): Plant {
  switch (name) {
    case 'deleteOnPuback':
      return { ...noPlant, link: deletingOnPuback };
    case 'skipFsync':
      return skippingFsync(world);
    case 'reuseSequence':
      return reusingSequences();
    case 'receiptsOutOfOrder':
      return takingAnyReceipt();
    default:
      return name satisfies never;
  }
}

/** Deletes what the broker has taken. */
function deletingOnPuback(link: UplinkLink, gateway: Gateway): UplinkLink {
  return {
    ...link,
    publish: (topic, bytes, done) =>
      link.publish(topic, bytes, (outcome) => {
        if (outcome.kind === 'accepted') deleteMessage(gateway.databasePath, bytes);
        done(outcome);
      }),
  };
}

function deleteMessage(path: string, bytes: Uint8Array): void {
  const database = new Sqlite(path);
  const row = database
    .prepare<[Uint8Array], { id: number; epoch: number; stream: number; bytes: number }>(
      'SELECT id, epoch, stream, bytes FROM outbox WHERE message = ?',
    )
    .get(bytes);
  if (row !== undefined) {
    database.prepare('DELETE FROM outbox WHERE id = ?').run(row.id);
    database
      .prepare(
        `UPDATE stream_head SET pendingMessages = pendingMessages - 1,
           pendingBytes = pendingBytes - ? WHERE epoch = ? AND stream = ?`,
      )
      .run(row.bytes, row.epoch, row.stream);
  }
  database.close();
}

/** The disk answers a sync at once, and writes back when it likes. */
function skippingFsync(world: World): Plant {
  let writtenBack: DiskImage | undefined;
  return {
    ...noPlant,
    started: (gateway) => {
      writtenBack = gateway.diskImage();
      const writeBack = (): void => {
        if (gateway.isRunning) writtenBack = gateway.diskImage();
        world.after(WRITE_BACK_MS, writeBack);
      };
      world.after(WRITE_BACK_MS, writeBack);
    },
    leftBy: ({ image }) => ({ image: writtenBack ?? image, isWhole: true }),
  };
}

/** Now and then the place that the message before had. */
function reusingSequences(): Plant {
  let count = 0;
  const door: BufferPlant = {
    position: (position) => {
      const { sequence } = position;
      if (sequence < 3 || ++count % SEQUENCES_TO_REUSE !== 0) return position;
      return { ...position, sequence: sequence - 1 };
    },
  };
  return { ...noPlant, buffer: () => door };
}

/** Each receipt counts as the newest of the newest hub. */
function takingAnyReceipt(): Plant {
  let hubEpoch = 0;
  let serial = SERIAL_ABOVE_ALL;
  const known = new Set<number>();
  const door: BufferPlant = {
    receipt: (receipt) => {
      if (!known.has(receipt.hubEpoch)) ({ hubEpoch } = receipt);
      known.add(receipt.hubEpoch);
      return { ...receipt, hubEpoch, receiptSerial: ++serial };
    },
  };
  return { ...noPlant, buffer: () => door };
}
