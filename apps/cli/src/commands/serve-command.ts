import { setTimeout as sleep } from 'node:timers/promises';
import { isConnectionLost } from '@entrepot/database/database-error';
import type { Config } from '../config/config.ts';
import { createOutput } from '../serve/process-log.ts';
import { serveApp } from '../serve/serve-app.ts';
import { serve } from '../serve/serve.ts';
import { onStopSignals } from '../serve/stop-signals.ts';
import type { AppName } from './command-line.ts';

// Beyond this nothing is waited for: what could not be stopped in its share of the time is left to the system.
const longestStop = 14_500;

/** Runs the product, or one app of it, until it is told to stop, or cannot go on. Returns the exit code. */
export async function serveCommand(config: Config, app: AppName | undefined): Promise<number> {
  const output = createOutput(config);
  const product = app === undefined ? serve(config, output) : serveApp(app, config, output);
  const ended = new Promise<number>((resolve) => {
    onStopSignals(
      (reason) => {
        output.log.info({ reason }, 'stopping; once more to stop at once');
        resolve(0);
      },
      () => {
        product.abandon();
        process.exit(130);
      },
    );
    product.onLoss((error) => {
      output.log.fatal({ err: error }, 'the database is lost');
      resolve(1);
    });
    process.on('uncaughtException', (error) => {
      // BullMQ has moments in which nobody hears of a connection that ends; the next one is made without us
      if (isConnectionLost(error))
        return output.log.warn({ reason: error.message }, 'a database connection ended');
      output.log.fatal({ err: error }, 'a defect: stopping');
      resolve(70);
    });
  });
  const failed = product.ready.then(
    () => ended,
    (error: unknown) => ({ error }),
  );
  const outcome = await Promise.race([ended, failed]);
  const stopped = product.stop().then(() => true);
  const inTime = await Promise.race([stopped, sleep(longestStop + product.drainSeconds * 1_000, false)]);
  if (!inTime) product.abandon();
  if (typeof outcome !== 'number') throw outcome.error;
  if (outcome === 0) output.log.info({}, 'stopped');
  return inTime ? outcome : 1;
}
