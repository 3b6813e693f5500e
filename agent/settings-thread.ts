/**
 * The thread that reads the configuration and its register maps for `run` (read-settings.ts), tells
 * what they say, and ends. No top-level await: the built program carries it as a classic script.
 */
import { parentPort, workerData } from 'node:worker_threads';
import { loadConfig } from './config.ts';
import { OperatorFault } from './platform/operator-fault.ts';
import type { SettingsAnswer } from './read-settings.ts';
import { loadRegisterMapEntries } from './register-map.ts';

function read(path: string): SettingsAnswer {
  try {
    const config = loadConfig(path);
    const registerPoints = loadRegisterMapEntries(config.decode.registerMaps);
    return { kind: 'settings', settings: { config, registerPoints } };
  } catch (error) {
    if (!(error instanceof OperatorFault)) throw error;
    const { code, problem, remedy } = error;
    return { kind: 'fault', fault: { code, problem, remedy } };
  }
}

parentPort?.postMessage(read(String(workerData)));
