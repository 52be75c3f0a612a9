/** What `rebuild` leaves out, and why: `what` names it (`repository@digest`, `repository:tag`, `repository`). */
export interface RebuildProblem {
  readonly what: string;
  readonly why: string;
}

/** What a rebuild found and did. */
export interface RebuildReport {
  readonly repositories: number;
  /** Manifests and tags that were added. */
  readonly manifests: number;
  readonly tags: number;
  /** Manifests and tags that the database had already, which it is right about. */
  readonly known: number;
  /** Projects that were made: private, without members. */
  readonly projects: readonly string[];
  readonly problems: readonly RebuildProblem[];
}

/** Collects a {@link RebuildReport}. */
export class RebuildRecord {
  repositories = 0;
  manifests = 0;
  tags = 0;
  known = 0;
  readonly projects: string[] = [];
  readonly problems: RebuildProblem[] = [];

  /** Notes what is left out. */
  leaveOut(what: string, why: string): void {
    this.problems.push({ what, why });
  }
}
