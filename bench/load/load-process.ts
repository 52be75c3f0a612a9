import { fork, type ChildProcess } from 'node:child_process';
import type { LoadResult, Plan } from './plan.ts';

interface Report {
  readonly id: number;
  readonly result?: LoadResult;
  readonly problem?: string;
}

/** The one process that makes all requests. */
export class LoadProcess {
  readonly #child: ChildProcess;
  readonly #pending = new Map<number, (report: Report) => void>();
  #last = 0;

  constructor() {
    this.#child = fork(`${import.meta.dirname}/main.ts`, { serialization: 'advanced' });
    this.#child.on('message', (report: Report) => {
      this.#pending.get(report.id)?.(report);
      this.#pending.delete(report.id);
    });
    this.#child.on('exit', () => {
      for (const [id, done] of this.#pending) done({ id, problem: 'the load process ended' });
    });
  }

  /** Does what a plan says. Throws at the first wrong answer. */
  async run(plan: Plan): Promise<LoadResult> {
    const id = ++this.#last;
    const report = await new Promise<Report>((resolve) => {
      this.#pending.set(id, resolve);
      this.#child.send({ id, plan });
    });
    if (report.result === undefined) throw new Error(report.problem ?? 'no result');
    return report.result;
  }

  /** Ends the process, whatever it is at; what was to be done is refused. */
  stop(): void {
    if (this.#child.connected) this.#child.disconnect();
  }
}
