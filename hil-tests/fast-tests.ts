/**
 * Loaded before the tests of `npm run check`: bounds each property to a moment of CPU, so that the
 * whole gate takes seconds, on a busy machine too. `npm test` runs every property in full. needs.ts
 * reads the same variable and leaves out what needs a package, a privilege or the corpus.
 */
import fc from 'fast-check';
import './property-seed.ts';

const PROPERTY_CPU_MS_MAX = 15;
/** However slow one run is, a property is tried so often. */
const PROPERTY_RUNS_MIN = 3;

process.env.FIELDTAP_TESTS = 'fast';
fc.installGlobalPlugin(boundCpu);

type Run = fc.IRawProperty<unknown, boolean>['run'];

/** Ends a property whose runs have used up their moment, as a success. */
function boundCpu() {
  const startedMs = cpuMs();
  let runsCount = 0;
  return {
    decorateRun: (run: Run): Run => {
      return (value) => {
        if (runsCount++ < PROPERTY_RUNS_MIN || cpuMs() - startedMs < PROPERTY_CPU_MS_MAX) {
          return run(value);
        }
        return new fc.PreconditionFailure(true);
      };
    },
  };
}

function cpuMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}
