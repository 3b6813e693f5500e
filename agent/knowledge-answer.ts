/**
 * What is known, as JSON: the same text whether the running agent is asked, or the buffer is read
 * while none runs.
 */
import type { StateRow } from '../protocols/interval-report.ts';
import type { KnowledgeQuestion } from '../protocols/knowledge-question.ts';
import type { RegisterMap } from '../protocols/modbus/register-map.ts';
import { AssetTable } from './observe/asset-table.ts';
import { Knowledge } from './observe/knowledge.ts';
import { loadMacVendors } from './observe/mac-vendor.ts';
import { restoreRows } from './observe/state-keeper.ts';
import { SiteDigest } from './platform/digest.ts';

/** Ranges and nodes of one answer; `folded` says how many are missing. */
const REGISTER_ROWS_MAX = 10_000;

/** `nowUs`: to tell what is silent; UTC µs. */
export async function answerText(
  knowledge: Knowledge,
  question: KnowledgeQuestion,
  nowUs: number,
): Promise<string> {
  switch (question.topic) {
    case 'assets':
      if (knowledge.assets.macs.used > 0) knowledge.assets.macVendor ??= await loadMacVendors();
      return JSON.stringify({ assets: knowledge.listAssets() });
    case 'conversations':
      return JSON.stringify({ conversations: knowledge.conversations() });
    case 'registers': {
      const { server, unitId } = question;
      const asked = {
        rowsMax: REGISTER_ROWS_MAX,
        ...(server !== undefined && { server }),
        ...(unitId !== undefined && { unitId }),
      };
      return JSON.stringify(knowledge.listRegisters(asked, nowUs));
    }
    default:
      return question.topic satisfies never;
  }
}

/** Knowledge as it was saved; nothing feeds it. */
export function savedKnowledge(rows: readonly StateRow[], registerMap?: RegisterMap): Knowledge {
  // Nothing is hashed where no message is decoded.
  const digest = new SiteDigest(new Uint8Array(32));
  const knowledge = new Knowledge({
    digest,
    assets: new AssetTable(),
    ...(registerMap && { registerMap }),
  });
  restoreRows(knowledge, rows);
  return knowledge;
}
