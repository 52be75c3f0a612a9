import type { ProgramResult } from '../programs.ts';
import type { Credentials } from '../stack.ts';

/** A client of registries, driven as its users drive it. References are `host/repository:tag`. */
export interface RegistryClient {
  /** Makes ready what it needs: a daemon, an image in its own store. */
  prepare(): Promise<void>;
  /** Ends what {@link prepare} started. Also called when that failed. */
  end(): Promise<void>;
  login(host: string, credentials: Credentials): Promise<ProgramResult>;
  /** Pushes one image, or what the client has instead. */
  push(reference: string): Promise<ProgramResult>;
  /** Pulls to a fresh place and returns the digest that the client computed or was told. */
  pull(reference: string): Promise<string>;
  /** Pushes an index of two platforms. */
  pushIndex?(reference: string): Promise<ProgramResult>;
  /** The tags that the client is told. */
  list?(repository: string): Promise<string[]>;
  /** Brings what lies at one reference to another repository of the same registry. */
  copy?(from: string, to: string): Promise<ProgramResult>;
  /** Deletes what a digest names. `reference`: `host/repository@digest`. */
  delete?(reference: string): Promise<ProgramResult>;
}
