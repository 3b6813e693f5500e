/** The configuration: without it nothing else can be judged. */
import { type Finding, fault, good } from '../check.ts';
import type { DoctorFacts } from '../doctor-facts.ts';

/** More are told by check-config. */
const FAULTS_TOLD_MAX = 3;

export function configurationChecks({
  configFaults,
  configPath,
  isConfigUnreadable,
}: DoctorFacts): Finding[] {
  const [first] = configFaults;
  if (first === undefined) return [good('configuration', configPath)];
  if (isConfigUnreadable) {
    const remedy = 'Give the right file with --config, or make one with "fieldtap setup".';
    return [fault('configuration', 'not readable', { cause: first, remedy })];
  }
  const count = configFaults.length;
  const figure = count === 1 ? 'a fault' : `${count} faults`;
  const cause = configFaults.slice(0, FAULTS_TOLD_MAX).join(' ');
  const remedy = `Mend it, then run "fieldtap check-config ${configPath}".`;
  return [fault('configuration', figure, { cause, remedy })];
}
