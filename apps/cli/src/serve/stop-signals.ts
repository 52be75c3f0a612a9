const force = 1_000;

/**
 * Calls `stop` once for the first signal to end (Ctrl-C, SIGTERM, a terminal or launcher that went away), and
 * `abort` for another one later than a second after it: a terminal and the programs in between may send one
 * Ctrl-C several times.
 */
export function onStopSignals(stop: (reason: string) => void, abort: () => void): void {
  let first: number | undefined;
  const hear = (reason: string): void => {
    if (first === undefined) {
      first = Date.now();
      stop(reason);
    } else if (Date.now() - first > force) {
      abort();
    }
  };
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => hear(signal));
  // the channel to the launcher (tools/bootstrap.mjs) closes when that is killed
  if (process.connected) {
    process.once('disconnect', () => hear('the launcher is gone'));
    process.channel?.unref();
  }
}
