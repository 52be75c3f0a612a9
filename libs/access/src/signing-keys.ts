import type { Database } from '@entrepot/database/database';
import { statement } from '@entrepot/database/statement';
import { AppError } from '@entrepot/errors/app-error';
import { keyRefreshSeconds } from '@entrepot/identity/key-ring';
import type { SecretBox } from '@entrepot/identity/secret-box';
import {
  exportPrivateKey,
  exportPublicJwk,
  generateSigningKey,
  importPrivateKey,
  importPublicKey,
  type SignatureAlgorithm,
  type SigningKey,
  type VerificationKey,
} from '@entrepot/identity/signing-key';
import type { Clock } from '@entrepot/telemetry/clock';

type PublicJwk = Parameters<typeof importPublicKey>[1];

/** How keys of tokens are made and changed. */
export interface SigningKeyPolicy {
  readonly algorithm: SignatureAlgorithm;
  /** Days for which a key signs; default 90. */
  readonly activeDays?: number;
}

/** What a rotation did. */
export type RotationStep = 'created' | 'announced' | 'activated' | 'unchanged';

// Verifiers look every minute: ten times that before a key signs, and as long after it has signed its last token
// as such a token can still be used (a day, for a push that takes that long) and an hour more.
const announcedSeconds = keyRefreshSeconds * 10;
const retiredHours = 26;

const lock = statement('signing-key.lock', "SELECT pg_advisory_xact_lock(hashtext('signing_key'))");
const published = statement<{ id: string; algorithm: SignatureAlgorithm; public_key: PublicJwk }>(
  'signing-key.published',
  'SELECT id, algorithm, public_key FROM signing_key',
);
const active = statement<{ algorithm: SignatureAlgorithm; private_key: string }>(
  'signing-key.active',
  "SELECT algorithm, private_key FROM signing_key WHERE state = 'active'",
);
const states = statement<{
  id: string;
  state: 'next' | 'active';
  algorithm: SignatureAlgorithm;
  due: boolean;
}>(
  'signing-key.states',
  `SELECT id, state, algorithm, CASE state
     WHEN 'next' THEN created_at <= now() - make_interval(secs => $1)
     ELSE activated_at <= now() - make_interval(days => $2) END AS due
   FROM signing_key WHERE state <> 'retired' FOR UPDATE`,
);
const insert = statement(
  'signing-key.insert',
  `INSERT INTO signing_key (id, algorithm, state, public_key, private_key, activated_at)
   VALUES ($1, $2, $3, $4, $5, CASE WHEN $3 = 'active' THEN now() END)`,
);
const retire = statement(
  'signing-key.retire',
  "UPDATE signing_key SET state = 'retired', retired_at = now() WHERE state = 'active'",
);
const activate = statement(
  'signing-key.activate',
  "UPDATE signing_key SET state = 'active', activated_at = now() WHERE id = $1",
);
const remove = statement(
  'signing-key.remove',
  `DELETE FROM signing_key WHERE state = 'retired' AND retired_at < now() - interval '${retiredHours} hours'`,
);

/** The keys whose signatures hold: announced, active, and retired ones whose tokens may still be in use. */
export async function loadVerificationKeys(database: Database): Promise<VerificationKey[]> {
  const rows = await database.run(published);
  return rows.map((row) => importPublicKey(row.algorithm, row.public_key));
}

/**
 * Goes one step on the way *next* (published) → *active* → *retired*: makes the first key, announces the next
 * one when the active one is old or of another algorithm, lets it sign when every verifier knows it, and removes
 * keys whose last token is long dead. Called at start and by a scheduled job; any number of processes may call
 * it at once.
 */
export async function rotateSigningKeys(
  database: Database,
  box: SecretBox,
  policy: SigningKeyPolicy,
): Promise<RotationStep> {
  return await database.transaction(async () => {
    await database.run(lock);
    await database.run(remove);
    const rows = await database.run(states, [announcedSeconds, policy.activeDays ?? 90]);
    const current = rows.find((row) => row.state === 'active');
    const next = rows.find((row) => row.state === 'next');
    if (current === undefined) return await add(database, box, policy.algorithm, 'active');
    if (next === undefined) {
      const wanted = current.due || current.algorithm !== policy.algorithm;
      return wanted ? await add(database, box, policy.algorithm, 'next') : 'unchanged';
    }
    if (!next.due) return 'unchanged';
    await database.run(retire);
    await database.run(activate, [next.id]);
    return 'activated';
  });
}

async function add(
  database: Database,
  box: SecretBox,
  algorithm: SignatureAlgorithm,
  state: 'active' | 'next',
): Promise<RotationStep> {
  // inside the transaction, as it happens once in months; nothing but rotations waits for its lock
  const key = await generateSigningKey(algorithm);
  const sealed = box.seal('signing-key', exportPrivateKey(key));
  const publicKey = JSON.stringify(exportPublicJwk(key));
  await database.run(insert, [key.id, key.algorithm, state, publicKey, sealed]);
  return state === 'active' ? 'created' : 'announced';
}

/** The key that signs now, read anew each minute: a retired key is published for much longer than that. */
export class ActiveSigningKey {
  readonly #database: Database;
  readonly #box: SecretBox;
  readonly #clock: Clock;
  #known: { key: SigningKey; until: number } | undefined;

  constructor(database: Database, box: SecretBox, clock: Clock) {
    this.#database = database;
    this.#box = box;
    this.#clock = clock;
  }

  /** The key. `UNAVAILABLE` when there is none yet; `CONFIG_INVALID` when the secret key does not open it. */
  async get(): Promise<SigningKey> {
    if (this.#known !== undefined && this.#clock.now() < this.#known.until) return this.#known.key;
    const [row] = await this.#database.run(active);
    if (row === undefined) {
      throw new AppError('UNAVAILABLE', 'no signing key has been made yet; try again shortly', {
        retryAfter: 2,
      });
    }
    const key = importPrivateKey(row.algorithm, this.#box.open('signing-key', row.private_key));
    this.#known = { key, until: this.#clock.now() + keyRefreshSeconds * 1000 };
    return key;
  }
}
