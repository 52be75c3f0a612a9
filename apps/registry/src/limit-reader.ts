import type { ServerResponse } from 'node:http';

/**
 * Cuts the connection of a client that takes nothing of its answer for so long, in milliseconds: what waits for it
 * is held in memory. Does nothing when everything has gone out; node lifts the limit with the next request.
 */
export function limitReader(res: ServerResponse, milliseconds = 5 * 60_000): void {
  if (res.writableLength > 0) res.socket?.setTimeout(milliseconds);
}
