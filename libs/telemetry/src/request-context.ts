import { AsyncLocalStorage } from 'node:async_hooks';

/**
 * What each log line of a request says about it. Made when the request arrives; the other members are set
 * on the same object once they are known.
 */
export interface RequestContext {
  readonly requestId: string;
  /** The client's address; `undefined` over a Unix socket. */
  readonly address?: string | undefined;
  user?: string;
  /** The name of a log-in that failed, as it was given, cut to a decent length. */
  tried?: string;
  project?: string;
}

const storage = new AsyncLocalStorage<RequestContext>();

/**
 * Runs `work` inside `context`. A path that cannot afford it need not: outside a context, log lines carry no
 * request members and nothing else changes.
 */
export function runInContext<T>(context: RequestContext, work: () => T): T {
  return storage.run(context, work);
}

/** The context of the request that the caller works for, if it runs in one. */
export function findRequestContext(): RequestContext | undefined {
  return storage.getStore();
}
