/** How full the tables of knowledge are, and what each of them had to refuse. */
import type { TableUse } from '../../protocols/interval-report.ts';
import { UNITS_MAX } from './asset-table.ts';
import { CONVERSATIONS_KEPT_MAX, PAIRS_MAX } from './conversation-memory.ts';
import type { Knowledge } from './knowledge.ts';
import { MACS_MAX } from './mac-table.ts';
import { NODE_NAMES_MAX, NODES_MAX } from './node-memory.ts';
import { POLLS_MAX } from './poll-table.ts';
import { BANKS_MAX } from './register-memory.ts';
import { PAGE_POINTS, PAGES_MAX } from './register-points.ts';

export function knowledgeTables(knowledge: Knowledge): TableUse[] {
  const { polls, registers, nodes, conversationMemory, assets } = knowledge;
  const row = (
    table: string,
    used: number,
    max: number,
    evicted: number,
    refused: number,
  ): TableUse => ({ table, used, max, evicted, refused });
  const { points } = registers;
  return [
    row('polls', polls.used, POLLS_MAX, polls.evictedCount, polls.refusedCount),
    row('registerBanks', registers.banks.length, BANKS_MAX, 0, registers.banksRefusedCount),
    row(
      'registerPoints',
      points.pagesUsed * PAGE_POINTS,
      PAGES_MAX * PAGE_POINTS,
      registers.pagesEvictedCount * PAGE_POINTS,
      registers.pointsRefusedCount,
    ),
    row('nodes', nodes.used, NODES_MAX, nodes.evictedCount, nodes.refusedCount),
    row('nodeNames', nodes.namesUsed, NODE_NAMES_MAX, 0, nodes.namesRefusedCount),
    row('nodeMessages', 0, 0, 0, nodes.messagesSkippedCount),
    row(
      'conversationsKept',
      conversationMemory.used,
      CONVERSATIONS_KEPT_MAX,
      conversationMemory.evictedCount,
      conversationMemory.refusedCount,
    ),
    row('pairs', conversationMemory.pairsUsed, PAIRS_MAX, 0, conversationMemory.pairsRefusedCount),
    row('macAddresses', assets.macs.used, MACS_MAX, 0, assets.macs.refusedCount),
    row('units', assets.unitsUsed, UNITS_MAX, 0, assets.unitsRefusedCount),
  ];
}
