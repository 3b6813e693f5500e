/**
 * What the engineer says of a device: a name and a note, taken over the control socket alone and
 * kept apart from everything that was seen on the network.
 */
import type { SiteBuffer } from '../buffer/site-buffer.ts';
import type { ControlAction } from './diagnostics/control-actions.ts';
import type { Clock } from './platform/clock.ts';
import { OperatorFault } from './platform/operator-fault.ts';

/** Route of the control socket that takes a note. */
export const ASSET_NOTE_ROUTE = '/v1/assets/note';

const ASSET_ID_CHARACTERS_MAX = 128;
const TEXT_CHARACTERS_MAX = 1024;

export function noteActions(buffer: SiteBuffer, clock: Clock): ReadonlyMap<string, ControlAction> {
  return new Map([[ASSET_NOTE_ROUTE, (bytes: Uint8Array) => takeNote(buffer, clock, bytes)]]);
}

function takeNote(buffer: SiteBuffer, clock: Clock, bytes: Uint8Array): object {
  const body: unknown = JSON.parse(new TextDecoder().decode(bytes));
  const assetId = textIn(body, 'assetId', ASSET_ID_CHARACTERS_MAX);
  const name = textIn(body, 'name', TEXT_CHARACTERS_MAX);
  const note = textIn(body, 'note', TEXT_CHARACTERS_MAX);
  if (assetId === undefined || assetId === '') return { taken: false };
  const changedMs = Math.round(clock.wallMs());
  const known = buffer.state((state) => state.notes())?.find((each) => each.assetId === assetId);
  const taken = buffer.state((state) =>
    state.setNote({ ...known, assetId, ...given({ name, note }), changedMs }),
  );
  if (taken === true) return { taken };
  throw new OperatorFault({
    code: 'ASSET_NOTE_REFUSED',
    problem: `The note for ${assetId} could not be kept: the disk refuses, or there are too many.`,
    remedy: 'See "fieldtap status" for the buffer; empty texts take a note away.',
  });
}

/** What isn't given stays as it was. */
function given(texts: { name: string | undefined; note: string | undefined }): {
  name?: string;
  note?: string;
} {
  return {
    ...(texts.name !== undefined && { name: texts.name }),
    ...(texts.note !== undefined && { note: texts.note }),
  };
}

function textIn(body: unknown, name: string, charactersMax: number): string | undefined {
  if (typeof body !== 'object' || body === null) return undefined;
  const value: unknown = Reflect.get(body, name);
  return typeof value === 'string' ? value.slice(0, charactersMax) : undefined;
}
