/** What the agent can be asked of what it knows, over the control socket and between threads. */

export type KnowledgeTopic = 'assets' | 'conversations' | 'registers';

export interface KnowledgeQuestion {
  readonly topic: KnowledgeTopic;
  /** Only for `registers`: of this server, of this unit. */
  readonly server?: string;
  readonly unitId?: number;
}
