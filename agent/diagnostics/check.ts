/**
 * One line of doctor, and the rule that root causes hide their consequences: a check names the
 * checks that would explain it, and is hidden behind the first of them that is at fault itself.
 */

export type Verdict = 'good' | 'warning' | 'fault' | 'unknown';

export interface Check {
  /** Stable word for programs: `interface:eth1`, `permission`, `uplink:tls`. */
  readonly name: string;
  readonly verdict: Verdict;
  /** What was measured, as a short phrase. */
  readonly figure: string;
  /** Why it is no good; absent when it is. */
  readonly cause?: string;
  readonly remedy?: string;
  /** Name of the root that explains this one; such a check is no fault of its own. */
  readonly explainedBy?: string;
}

/** As a theme judges it, before roots and consequences are told apart. */
export interface Finding extends Check {
  /** Checks whose fault would explain this one; a name that ends in `:` stands for all of them. */
  readonly dependsOn?: readonly string[];
}

/** Why it is no good and what to do, both as sentences. */
export interface Diagnosis {
  readonly cause: string;
  readonly remedy: string;
  readonly dependsOn?: readonly string[];
}

export function good(name: string, figure: string): Finding {
  return { name, verdict: 'good', figure };
}

/** It could not be looked at; `dependsOn` names what stood in the way. */
export function unknown(name: string, figure: string, dependsOn?: readonly string[]): Finding {
  return { name, verdict: 'unknown', figure, ...(dependsOn && { dependsOn }) };
}

/** Works, and somebody should look at it. */
export function warning(name: string, figure: string, diagnosis: Diagnosis): Finding {
  return { name, verdict: 'warning', figure, ...diagnosis };
}

export function fault(name: string, figure: string, diagnosis: Diagnosis): Finding {
  return { name, verdict: 'fault', figure, ...diagnosis };
}

/** Marks what a root explains, through any number of steps; the order stays. */
export function withRoots(findings: readonly Finding[]): Check[] {
  const rootOf = (finding: Finding, depth: number): Finding | undefined => {
    if (depth === 0) return undefined;
    for (const other of findings) {
      if (other === finding || other.verdict !== 'fault') continue;
      if (finding.dependsOn?.some((name) => isNamed(other.name, name)) !== true) continue;
      return rootOf(other, depth - 1) ?? other;
    }
    return undefined;
  };
  return findings.map((finding) => {
    const { dependsOn, ...check } = finding;
    if (finding.verdict === 'good' || dependsOn === undefined) return check;
    // No chain is longer than there are checks.
    const root = rootOf(finding, findings.length);
    return root === undefined ? check : { ...check, explainedBy: root.name };
  });
}

/** Faults that nothing else explains. */
export function rootsOf(checks: readonly Check[]): readonly Check[] {
  return checks.filter((check) => check.verdict === 'fault' && check.explainedBy === undefined);
}

/** 0 when nothing is at fault (warnings are no faults), 1 otherwise. */
export function exitCodeOf(checks: readonly Check[]): number {
  return checks.some((check) => check.verdict === 'fault') ? 1 : 0;
}

function isNamed(name: string, pattern: string): boolean {
  return pattern.endsWith(':') ? name.startsWith(pattern) : name === pattern;
}
