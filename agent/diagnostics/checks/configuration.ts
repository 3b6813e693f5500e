/** The configuration: without it nothing else can be judged. */
import { type Finding, fault, good } from '../check.ts';
import type { DoctorFacts } from '../doctor-facts.ts';

export function configurationChecks({ configFaults, configPath }: DoctorFacts): Finding[] {
  const [first] = configFaults;
  if (first === undefined) return [good('configuration', configPath)];
  const count = configFaults.length;
  const figure = count === 1 ? 'a fault' : `${count} faults`;
  const remedy = `Mend it, then run "fieldtap check-config ${configPath}".`;
  return [fault('configuration', figure, { cause: first, remedy })];
}
