/** One saved row back into knowledge; what makes no sense is refused, never thrown. */
import type { StateRow } from '../../protocols/interval-report.ts';
import type { Knowledge } from './knowledge.ts';
import { restoreAsset, restoreMac } from './state-assets.ts';
import { restoreConversation } from './state-conversations.ts';
import { restoreNode, restorePage } from './state-registers.ts';

/** True: it is back. */
export function restoreRow(knowledge: Knowledge, row: StateRow): boolean {
  let body: unknown;
  try {
    body = JSON.parse(row.body);
  } catch {
    return false;
  }
  switch (row.kind) {
    case 'asset':
      return restoreAsset(knowledge.assets, row.key, body);
    case 'macAddress':
      return restoreMac(knowledge.assets, row.key, body);
    case 'conversation':
      return restoreConversation(knowledge, body);
    case 'registers':
      return restorePage(knowledge.registers, body);
    case 'node':
      return restoreNode(knowledge.nodes, body);
    default:
      row.kind satisfies never;
      return false;
  }
}
