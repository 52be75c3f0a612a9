import type { AppenderState } from '../driver.ts';
import type { TailObject } from './durable-tail.ts';
import { isUploadMark, type UploadMark } from './leftovers.ts';

/** Parts that are durable. */
export interface PartsState {
  readonly mark: UploadMark;
  /** Bytes of each of them. */
  readonly partBytes: number;
  readonly etags: readonly string[];
}

/** What resumes an appender. */
export interface S3State {
  readonly parts?: PartsState | undefined;
  readonly tail?: TailObject | undefined;
}

/** The state as an appender hands it out. */
export function writeState({ parts, tail }: S3State): AppenderState {
  return {
    ...(parts === undefined ? {} : { parts: { ...parts } }),
    ...(tail === undefined ? {} : { tail: { ...tail } }),
  };
}

/** Reads what {@link writeState} wrote; `undefined` when it is another driver's, as after a change of storage. */
export function readState(state: AppenderState): S3State | undefined {
  const { parts, tail } = state;
  if (parts !== undefined && !isPartsState(parts)) return undefined;
  if (tail !== undefined && !isTail(tail)) return undefined;
  return { parts, tail };
}

/** Bytes that a state stands for. */
export function sizeOf({ parts, tail }: S3State): number {
  return (parts === undefined ? 0 : parts.etags.length * parts.partBytes) + (tail?.size ?? 0);
}

function isPartsState(value: unknown): value is PartsState {
  if (typeof value !== 'object' || value === null) return false;
  if (!('mark' in value && 'partBytes' in value && 'etags' in value)) return false;
  const { mark, partBytes, etags } = value;
  if (!isUploadMark(mark) || !Number.isSafeInteger(partBytes) || !Array.isArray(etags)) return false;
  return etags.every((etag) => typeof etag === 'string');
}

function isTail(value: unknown): value is TailObject {
  if (typeof value !== 'object' || value === null || !('key' in value && 'size' in value)) return false;
  return typeof value.key === 'string' && Number.isSafeInteger(value.size);
}
