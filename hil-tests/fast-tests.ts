/**
 * Loaded before the tests of `npm run check`: bounds each property to a moment, so that the whole
 * gate takes seconds. `npm test` runs every property in full. needs.ts reads the same variable and
 * leaves out what needs a package, a privilege or the corpus.
 */
import fc from 'fast-check';

const PROPERTY_MS_MAX = 40;

process.env.FIELDTAP_TESTS = 'fast';
fc.configureGlobal({ interruptAfterTimeLimit: PROPERTY_MS_MAX });
