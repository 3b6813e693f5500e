/**
 * The configuration for `run`, read in a thread of its own that ends at once: what reads YAML and
 * checks it (10 MB of the running agent, measured) is needed once, and goes with the thread. It
 * also reads while this thread loads the rest of the program.
 */
import type { RegisterMapEntry } from '../protocols/modbus/register-map.ts';
import type { Config } from './config.ts';
import { OperatorFault, type OperatorFaultFacts } from './platform/operator-fault.ts';
import { startWorker } from './platform/program-files.ts';

const SETTINGS_THREAD = new URL('./settings-thread.ts', import.meta.url);

/** All that the files of a site say. */
export interface SiteSettings {
  readonly config: Config;
  /** Points of the register maps in `decode.registerMaps`. */
  readonly registerPoints: readonly RegisterMapEntry[];
}

/** What the thread answers; it survives a structured clone. */
export type SettingsAnswer =
  | { readonly kind: 'settings'; readonly settings: SiteSettings }
  | { readonly kind: 'fault'; readonly fault: OperatorFaultFacts };

/** Rejects with the OperatorFault that `loadConfig` or `loadRegisterMapEntries` threw. */
export function readSettings(path: string): Promise<SiteSettings> {
  return new Promise((resolve, reject) => {
    const thread = startWorker(SETTINGS_THREAD, { workerData: path });
    thread.once('message', (answer: SettingsAnswer) => {
      if (answer.kind === 'settings') resolve(answer.settings);
      else reject(new OperatorFault(answer.fault));
    });
    thread.once('error', reject);
    // Comes last: after an answer it changes nothing.
    thread.once('exit', () => reject(new Error('the reader of the configuration ended early')));
  });
}
