/** What core is told by its settings. Plain values: the launcher reads the environment. */
export interface CoreConfig {
  /** The product's version, `1.2.3`. */
  readonly version: string;
  /** Refuse every change with one sentence. */
  readonly readOnly: boolean;
  /** The URL under which the outside reaches this installation; undefined when none was set. */
  readonly externalUrl: string | undefined;
  /** Name of the storage driver, as `GET /systeminfo` shows it. */
  readonly storageDriver: string;
  /** Milliseconds within which a request's body must be there; 30,000 unless given. */
  readonly bodyMilliseconds?: number;
  /**
   * The parts of the installation besides core and database, by the name that `GET /health` shows: each resolves
   * when the part is well.
   */
  readonly health: Readonly<Record<string, () => Promise<void>>>;
}
