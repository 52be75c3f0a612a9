import { loadVerificationKeys } from '@entrepot/access/signing-keys';
import type { Database } from '@entrepot/database/database';
import { exportPublicJwk } from '@entrepot/identity/signing-key';

/** The public halves of the keys that sign tokens, for whoever verifies them elsewhere (RFC 7517 § 5). */
export class KeysService {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  async jwks(): Promise<{ keys: object[] }> {
    return { keys: (await loadVerificationKeys(this.#database)).map(exportPublicJwk) };
  }
}
