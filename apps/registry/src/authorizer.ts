import { AppError } from '@entrepot/errors/app-error';
import type { LookupAnswer, LookupKey, LookupPrincipal } from '@entrepot/catalog/content-lookup';
import type { Origin } from '@entrepot/catalog/manifest-record';
import { decide, type AccessFacts } from '@entrepot/access/decide';
import type { BatchLanes } from '@entrepot/database/batch-lanes';
import type { Scope } from '@entrepot/oci/scope';
import { parseRepositoryName, type RepositoryName } from '@entrepot/oci/repository-name';
import type { RegistryAction } from '@entrepot/policy/registry-actions';
import { ChallengeError } from './challenge-error.ts';
import type { Caller, CallerReader } from './caller.ts';
import type { Exchange } from './exchange.ts';

/** What a request wants to do. */
export interface Wish {
  readonly repository: RepositoryName;
  readonly action: Exclude<RegistryAction, 'scanner-pull'>;
  /** Looked up with the rights, in one statement. */
  readonly content?: LookupKey['content'];
  /** The repository that a mount reads from: its scope belongs in the challenge. */
  readonly mountFrom?: string;
  /** What may be finished with a token that has expired meanwhile. */
  readonly late?: 'upload' | 'manifest';
  /** The upload that the request goes on with, by whom it was begun. */
  readonly upload?: { readonly uuid: string; readonly kind: string; readonly id: number };
}

/** A wish that was granted, with what the lookup found. */
export interface Granted {
  readonly caller: Caller;
  readonly answer: LookupAnswer;
  /** The repository's project, or the one that it will belong to. */
  readonly projectId: number;
}

/**
 * Who may do what on `/v2/`. A token (or, for basic credentials, the rights of this moment) is compared with the
 * versions of principal and project that the request's one lookup reads, so a right ends with its removal. There
 * is no 403 for a lack of rights, and a private name is refused by the same path as one that does not exist (I7).
 */
export class Authorizer {
  readonly #lookups: BatchLanes<LookupKey, LookupAnswer>;
  readonly #callers: CallerReader;

  constructor(lookups: BatchLanes<LookupKey, LookupAnswer>, callers: CallerReader) {
    this.#lookups = lookups;
    this.#callers = callers;
  }

  /** Whoever sent valid credentials; anybody else is challenged. */
  async identify(exchange: Exchange): Promise<Caller> {
    const caller = await this.#callers.read(exchange, []);
    if (caller === undefined || caller.expired)
      throw this.#challenge(exchange, [], 'log in to use this registry');
    return caller;
  }

  /** Grants the wish or throws a challenge. */
  async authorize(exchange: Exchange, wish: Wish): Promise<Granted> {
    const names = [wish.repository, ...(wish.mountFrom === undefined ? [] : knownName(wish.mountFrom))];
    const pushed = wish.action === 'push' ? wish.repository : undefined;
    const caller = await this.#callers.read(exchange, names, pushed);
    if (
      caller === undefined ||
      !caller.token.repositories.get(wish.repository)?.actions.includes(wish.action)
    ) {
      throw await this.#refuse(exchange, wish, caller);
    }
    const answer = await this.#lookups.ask({
      repository: wish.repository,
      principal: principalOf(caller),
      content: wish.content,
      ...(wish.upload === undefined ? {} : { upload: wish.upload.uuid }),
    });
    const facts = await this.#facts(answer, wish.repository);
    const allowed = decide(caller.token, wish.repository, wish.action, facts) === 'allowed';
    if (!allowed || facts.project === undefined || !(await this.#isInTime(caller, wish))) {
      throw await this.#refuse(exchange, wish, caller);
    }
    return { caller, answer, projectId: facts.project.id };
  }

  /** The projects whose repositories the caller may see in the catalog; `undefined` for all. */
  async listCatalogProjects(exchange: Exchange): Promise<readonly number[] | undefined> {
    const caller = await this.#callers.read(exchange, []);
    if (caller === undefined || caller.expired || !(await this.#callers.isOfNow(caller))) {
      throw this.#challenge(
        exchange,
        [{ type: 'registry', name: 'catalog', actions: ['*'] }],
        'log in to list the repositories of this registry',
      );
    }
    return await this.#callers.listReadableProjects(caller);
  }

  /** Who and by which request, for the record. */
  originOf(exchange: Exchange, { caller }: Granted): Origin {
    return {
      actor: caller.token.subject,
      actorKind: caller.token.principal?.kind ?? 'anonymous',
      requestId: exchange.id,
      address: this.#callers.addressOf(exchange.req),
      userAgent: exchange.header('user-agent'),
      method: exchange.method,
      host: exchange.header('host'),
    };
  }

  async #facts(answer: LookupAnswer, repository: RepositoryName): Promise<AccessFacts> {
    const { principalVersion } = answer;
    if (answer.repository === undefined) {
      return { principalVersion, project: await this.#callers.findProjectOf(repository) };
    }
    return {
      principalVersion,
      project: { id: answer.repository.projectId, version: answer.repository.projectVersion },
    };
  }

  /**
   * A push may outlive its token: an upload goes on for whoever began it, for a day, and one manifest may follow
   * the last blob within ten minutes. Rights are those of this moment all the same.
   */
  async #isInTime(caller: Caller, wish: Wish): Promise<boolean> {
    if (!caller.expired) return true;
    if (wish.late === 'upload') {
      const { kind, id } = caller.uploadOwner;
      return wish.upload?.kind === kind && wish.upload.id === id;
    }
    if (wish.late === 'manifest') {
      return await this.#callers.hasJustPushed(caller, wish.repository);
    }
    return false;
  }

  async #refuse(exchange: Exchange, wish: Wish, caller: Caller | undefined): Promise<AppError> {
    const scopes = scopesOf(wish);
    if (caller?.expired === true) {
      return this.#challenge(exchange, scopes, 'the token has expired; get a new one', 'invalid_token');
    }
    const message = await this.#callers.explainRefusal(caller, wish);
    return this.#challenge(exchange, scopes, message, caller && 'insufficient_scope');
  }

  #challenge(
    exchange: Exchange,
    scopes: readonly Scope[],
    message: string,
    error?: 'invalid_token' | 'insufficient_scope',
  ): ChallengeError {
    return new ChallengeError(message, this.#callers.challenge(exchange.req, scopes, error));
  }
}

function knownName(text: string): RepositoryName[] {
  const name = parseRepositoryName(text);
  return name === undefined ? [] : [name];
}

function principalOf(caller: Caller): LookupPrincipal {
  return caller.token.principal;
}

function scopesOf(wish: Wish): Scope[] {
  const actions = wish.action === 'push' ? ['pull', 'push'] : [wish.action];
  const scopes: Scope[] = [{ type: 'repository', name: wish.repository, actions }];
  if (wish.mountFrom === undefined) return scopes;
  return [
    ...scopes,
    ...knownName(wish.mountFrom).map((name) => ({ type: 'repository', name, actions: ['pull'] })),
  ];
}
