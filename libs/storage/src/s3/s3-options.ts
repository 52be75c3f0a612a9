/** Where the bucket is, and how it is used. */
export interface S3Options {
  readonly bucket: string;
  /** Default: with an endpoint `us-east-1`, else what the SDK finds in environment and profile. */
  readonly region?: string | undefined;
  /** URL of a server other than Amazon's. */
  readonly endpoint?: string | undefined;
  /** What every key begins with, such as `registry/`. Default: nothing. */
  readonly prefix?: string | undefined;
  /** Whether the bucket stands in the path instead of the host name. */
  readonly pathStyle?: boolean | undefined;
  /** Default: the SDK's chain (environment, profile, web identity, container, instance). */
  readonly credentials?: S3Credentials | undefined;
  /** How long a redirect is good for, in seconds; `undefined`: bytes come through this process. */
  readonly redirectSeconds?: number | undefined;
  /** URL of the server as clients know it. Default: `endpoint`. */
  readonly redirectEndpoint?: string | undefined;
  /** Bytes of part buffers that all appenders hold together. */
  readonly bufferBytes?: number | undefined;
  /** How long one of five attempts waits for the answer to what asks for little, in milliseconds. */
  readonly answerMs?: number | undefined;
  /** Sizes that tests make smaller. */
  readonly sizes?: Partial<S3Sizes> | undefined;
}

/** A key of its own for this process. */
export interface S3Credentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  /** Of credentials that expire. */
  readonly sessionToken?: string;
}

/** Sizes in bytes, unless said otherwise. Parts of one upload are equal but for the last: some servers insist. */
export interface S3Sizes {
  /** A part of an upload; S3 takes none below 5 MiB but the last. */
  readonly part: number;
  /** A part of an upload that will pass `large`, or has. A multiple of `part`. */
  readonly largePart: number;
  /** A multiple of `largePart`. With at most 10,000 parts an upload of `part` ends at 156 GiB. */
  readonly large: number;
  /** Up to here an object is copied by one request. S3 allows 5 GiB; parts beside each other are faster. */
  readonly copyAtOnce: number;
}

const mebibyte = 1024 * 1024;
const gibibyte = 1024 * mebibyte;

/** What fits S3 and its kin. */
export const defaultSizes: S3Sizes = {
  part: 16 * mebibyte,
  largePart: 64 * mebibyte,
  large: 100 * gibibyte,
  copyAtOnce: 256 * mebibyte,
};

/** What all appenders of a process hold, unless told otherwise, in bytes. */
export const defaultBufferBytes: number = 48 * mebibyte;

/** How long an attempt to look, list or begin to read waits for its answer, in milliseconds. */
export const defaultAnswerMs = 15_000;
