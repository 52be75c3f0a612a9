/** What `serve` started: the whole product, or one app of it. It runs, or is on its way. */
export interface RunningProduct {
  /** Seconds for which requests are still taken once it stops. */
  readonly drainSeconds: number;
  /** Resolves when it takes requests; rejects with the reason when it cannot start. */
  readonly ready: Promise<void>;
  /** Stops everything, in good order, within 15 seconds after `drainSeconds`. Also while it is starting. */
  stop(): Promise<void>;
  /** Lets go of the database server at once, for an exit that was forced. */
  abandon(): void;
  /** Calls `listener` when the database server is gone for good. */
  onLoss(listener: (error: Error) => void): void;
}
