/** What `npm run bench -- hub` asks one of its workers to do, as the word it is started with. */

export interface HubJob {
  /** Folder of the enrolled agents. */
  readonly agents: string;
  /** `sqlite:PATH` or `postgres://...`. */
  readonly store: string;
  readonly verifyThreads: number;
  /** `small`: one conversation; `busy`: the golden input of 50 conversations and 5 detections. */
  readonly summaries: 'small' | 'busy';
  readonly messagesPerSite: number;
  /** Seeds of the sites' keys. */
  readonly sites: readonly string[];
}

/** What a worker answers. */
export interface HubJobResult {
  readonly messages: number;
  readonly receipts: number;
  readonly seconds: number;
  /** Of the whole worker, user and kernel. */
  readonly cpuUs: number;
}
