/** Why a running task is told to end. */
export type StopReason = 'the task was stopped' | 'the process ends' | 'the task was given to another worker';

/** Tells a running task to end. */
export function abort(stop: AbortController, reason: StopReason): void {
  stop.abort(new Error(reason));
}

/** Whether a task was told to end, for that reason. */
export function isReason(signal: AbortSignal, reason: StopReason): boolean {
  return signal.reason instanceof Error && signal.reason.message === reason;
}
