/**
 * Statements that are asked again and again, prepared once for each open file. Preparing them for
 * each summary took an eighth of its CPU, and one that is thrown away keeps its memory until the
 * collector finds it, which on a quiet gateway is late.
 */
import type { Database, Statement } from 'better-sqlite3';

const STATEMENTS = new WeakMap<Database, Map<string, unknown>>();

/** For texts that are constants, few of them: each is kept as long as its file is open. */
export function prepared<Parameters extends unknown[], Row>(
  database: Database,
  sql: string,
): Statement<Parameters, Row> {
  return kept(database, sql, () => database.prepare<Parameters, Row>(sql));
}

/** As `prepared`, for the first column alone. */
export function preparedPluck<Parameters extends unknown[], Value>(
  database: Database,
  sql: string,
): Statement<Parameters, Value> {
  return kept(database, `pluck ${sql}`, () => database.prepare<Parameters, Value>(sql).pluck());
}

/** A number that SQLite keeps of the file, such as `page_count`. */
export function pragmaNumber(database: Database, name: string): number {
  return Number(preparedPluck<[], number>(database, `PRAGMA ${name}`).get());
}

function kept<T>(database: Database, name: string, make: () => T): T {
  let statements = STATEMENTS.get(database);
  if (statements === undefined) {
    statements = new Map();
    STATEMENTS.set(database, statements);
  }
  const there = statements.get(name);
  // One name is one text, and one text is asked from one place, with one type.
  if (there !== undefined) return there as T;
  const made = make();
  statements.set(name, made);
  return made;
}
