import type { Collectable } from '@entrepot/catalog/collection/count-collectable';
import type { CollectionTotals } from '@entrepot/catalog/collection/collection-totals';
import type { CollectionWindows } from '@entrepot/catalog/collection/collection-windows';
import { countDueReviews } from '@entrepot/catalog/collection/due-reviews';
import type { Database } from '@entrepot/database/database';
import type { Executions, ExecutionTrigger } from '@entrepot/jobs/executions';
import type { JobContext } from '@entrepot/jobs/handler';
import { isReason } from '@entrepot/jobs/stop-reason';
import type { Metrics } from '@entrepot/telemetry/metrics';

/** What a {@link CollectionReport} works with. */
export interface ReportParts {
  readonly database: Database;
  readonly executions: Executions;
  readonly metrics: Metrics;
  readonly windows: CollectionWindows;
  readonly context: JobContext;
  /** None: a run that nobody asked for. */
  readonly trigger: ExecutionTrigger | undefined;
}

/** What a run would remove at this moment. */
export interface Counted extends Collectable {
  /** Untagged manifests that it would delete because it was told to. */
  readonly untagged: number;
}

const reportMilliseconds = 2_000;

/**
 * Tells people how a run of collection goes: as an execution with totals, what is due still and how long that may take,
 * in the task's log, and as metrics. There is no execution before there is something to tell.
 */
export class CollectionReport {
  readonly #parts: ReportParts;
  readonly #begun = Date.now();
  #execution: number | undefined;
  #reportedAt = Date.now();
  #counted = { blobs: 0, bytes: 0 };

  constructor(parts: ReportParts) {
    this.#parts = parts;
  }

  /** Makes the execution, with what the run was asked for. */
  async begin(detail: Readonly<Record<string, unknown>> = {}): Promise<number> {
    const { executions, context, trigger } = this.#parts;
    const what = trigger === undefined ? { continuous: true } : detail;
    this.#execution ??= await executions.begin(context.taskId, trigger ?? 'schedule', what);
    return this.#execution;
  }

  /** Takes note of what a run has done so far. */
  async progress(totals: CollectionTotals): Promise<void> {
    this.#count(totals);
    if (Date.now() - this.#reportedAt < reportMilliseconds) return;
    if (this.#execution === undefined && !hasDoneAnything(totals)) return;
    this.#reportedAt = Date.now();
    const { database, windows, executions, context } = this.#parts;
    const due = await countDueReviews(database, windows);
    const left = due.manifest + due.link + due.blob;
    const seconds = (Date.now() - this.#begun) / 1000;
    // while untagged manifests are deleted no review has been looked at: nobody knows yet
    const eta = totals.looked === 0 ? {} : { secondsLeft: Math.ceil((left * seconds) / totals.looked) };
    await executions.report(await this.begin(), { totals, due, ...eta });
    const when = eta.secondsLeft === undefined ? '' : `, about ${eta.secondsLeft} s`;
    context.log(`${sentence(totals)}; ${left} reviews are due${when}`);
  }

  /** The run came to its end. */
  async succeed(totals: CollectionTotals): Promise<void> {
    this.#count(totals);
    const { context } = this.#parts;
    context.log(sentence(totals));
    context.log(`${eligible(totals.blobs, totals.manifests)} and gone`);
    if (this.#execution === undefined && !hasDoneAnything(totals)) return;
    const none = { manifest: 0, link: 0, blob: 0 };
    await this.#parts.executions.end(await this.begin(), 'succeeded', { totals, due: none, secondsLeft: 0 });
  }

  /** A run that only counted came to its end. */
  async counted(collectable: Counted): Promise<void> {
    const { blobs, manifests, untagged, bytes } = collectable;
    this.#parts.context.log(
      `dry run: ${eligible(blobs, manifests)} now, ${bytes} bytes; ${untagged} untagged manifests besides`,
    );
    await this.#parts.executions.end(await this.begin(), 'succeeded', { collectable });
  }

  /** The run broke off. One whose process ends is gone on with by another one, and stays open. */
  async fail(error: unknown): Promise<void> {
    const { executions, context } = this.#parts;
    if (isReason(context.signal, 'the task was stopped')) {
      if (this.#execution !== undefined) await executions.end(this.#execution, 'stopped');
    } else if (!context.signal.aborted) {
      await executions.end(await this.begin(), 'failed', {
        error: error instanceof Error ? error.message : String(error),
      });
    }
  }

  #count({ blobs, bytes }: CollectionTotals): void {
    const { metrics } = this.#parts;
    metrics.collectedBlobs.with({}).add(blobs - this.#counted.blobs);
    metrics.collectedBytes.with({}).add(bytes - this.#counted.bytes);
    this.#counted = { blobs, bytes };
  }
}

function hasDoneAnything({ manifests, untagged, links, quarantined, blobs }: CollectionTotals): boolean {
  return manifests + untagged + links + quarantined + blobs > 0;
}

function sentence(totals: CollectionTotals): string {
  const { looked, manifests, untagged, links, quarantined, blobs, bytes } = totals;
  return (
    `${looked} reviews: ${untagged} untagged manifests deleted, ${manifests} manifests and ${links} links removed, ` +
    `${quarantined} blobs quarantined, ${blobs} blobs removed, ${bytes} bytes freed`
  );
}

// the words by which Harbor's tests find the counts in the log
function eligible(blobs: number, manifests: number): string {
  return `${blobs} blobs and ${manifests} manifests eligible for deletion`;
}
