import type { IncomingMessage } from 'node:http';
import { triedName, type Authenticator } from '@entrepot/access/authenticate';
import { parseBasicCredentials } from '@entrepot/access/basic-credentials';
import { challengeFor } from '@entrepot/access/challenge';
import { isPrincipalOfNow } from '@entrepot/access/decide';
import { createProjectsForPush, type FirstPushPolicy } from '@entrepot/access/first-push';
import { listPermittedProjects } from '@entrepot/access/permitted-projects';
import { principalKey, toTokenPrincipal, type KnownPrincipal } from '@entrepot/access/principal';
import { findProjectOfName } from '@entrepot/access/project-of-name';
import type { RequestOrigins } from '@entrepot/access/request-origin';
import { rightsForRepositories } from '@entrepot/access/rights';
import { findRobotPrincipal } from '@entrepot/access/robot-account';
import { findUserPrincipal } from '@entrepot/access/user-account';
import { hasRecentUpload } from '@entrepot/catalog/recent-upload';
import type { Database } from '@entrepot/database/database';
import { AppError } from '@entrepot/errors/app-error';
import type { AccessEntry } from '@entrepot/identity/token-claims';
import type { TokenVerifier, VerifiedToken } from '@entrepot/identity/token-verifier';
import type { UploadOwner } from '@entrepot/ingest/upload-id';
import type { RepositoryName } from '@entrepot/oci/repository-name';
import type { Scope } from '@entrepot/oci/scope';
import { registryActions } from '@entrepot/policy/registry-actions';
import { ChallengeError } from './challenge-error.ts';
import type { Exchange } from './exchange.ts';
import { explainRefusal, type RefusedWish } from './explain-refusal.ts';

/** Who sent a request, in the form of a token whatever the credentials were. */
export interface Caller {
  readonly token: VerifiedToken;
  /** The token has expired: good for finishing a push that began in time, and for nothing else. */
  readonly expired: boolean;
  readonly uploadOwner: UploadOwner;
}

/** What reading callers takes. */
export interface CallerReaderParts {
  readonly database: Database;
  readonly verifier: TokenVerifier;
  readonly authenticator: Authenticator;
  readonly origins: RequestOrigins;
  /** Whether a push with basic credentials to a project that does not exist creates it. */
  readonly firstPush: FirstPushPolicy;
}

const bearer = 'Bearer ';

/** Reads who sent a request, and what the rest of the product knows of them. */
export class CallerReader {
  readonly #parts: CallerReaderParts;

  constructor(parts: CallerReaderParts) {
    this.#parts = parts;
  }

  /**
   * The caller; `undefined` without credentials. Basic credentials get the rights of this moment on `names`; `pushed`
   * is the one of them that is pushed to. A token or secret that does not hold is refused with a challenge that says
   * why.
   */
  async read(
    exchange: Exchange,
    names: readonly RepositoryName[],
    pushed?: RepositoryName,
  ): Promise<Caller | undefined> {
    const header = exchange.req.headers.authorization;
    if (header === undefined) return undefined;
    if (header.startsWith(bearer)) {
      const text = header.slice(bearer.length);
      const verdict = this.#parts.verifier.find(text) ?? (await this.#parts.verifier.verify(text));
      if (verdict.state === 'invalid') {
        throw new ChallengeError(
          `the token is refused: ${verdict.reason}; get a new one`,
          this.challenge(exchange.req, [], 'invalid_token'),
        );
      }
      exchange.user = verdict.token.subject;
      return toCaller(verdict.token, verdict.state === 'expired');
    }
    const { database, firstPush } = this.#parts;
    const principal = await this.#authenticate(exchange, header);
    exchange.user = principal.name;
    if (pushed !== undefined) {
      const push = { policy: firstPush, names: [pushed], address: this.addressOf(exchange.req) };
      await createProjectsForPush(database, principal, push);
    }
    return toCaller(await this.#tokenOf(principal, names), false);
  }

  /** The WWW-Authenticate header for these scopes, on the host that the client used. */
  challenge(
    req: IncomingMessage,
    scopes: readonly Scope[],
    error?: 'invalid_token' | 'insufficient_scope',
  ): string {
    return challengeFor(this.#parts.origins.read(req), scopes, error);
  }

  /** The address of the client, seen through trusted proxies. */
  addressOf(req: IncomingMessage): string | undefined {
    return this.#parts.origins.read(req).address;
  }

  /** The same address, of a request that may name no decent host. */
  findAddress(req: IncomingMessage): string | undefined {
    return this.#parts.origins.findAddress(req);
  }

  /** The project that a repository of this name would belong to. */
  async findProjectOf(repository: RepositoryName): Promise<{ id: number; version: number } | undefined> {
    return await findProjectOfName(this.#parts.database, repository);
  }

  /** Whether the caller is still who the token says, for requests without the lookup that would show it (I5). */
  async isOfNow({ token }: Caller): Promise<boolean> {
    const { principal } = token;
    if (principal === undefined) return true;
    const find = principal.kind === 'user' ? findUserPrincipal : findRobotPrincipal;
    const known = await find(this.#parts.database, principal.id);
    return isPrincipalOfNow(token, { principalVersion: known?.version });
  }

  /** The projects that the caller may pull from; `undefined` for all. */
  async listReadableProjects(caller: Caller): Promise<readonly number[] | undefined> {
    const projects = await listPermittedProjects(
      this.#parts.database,
      caller.token.principal,
      'repository:pull',
    );
    return projects?.map((project) => project.id);
  }

  /** Whether the caller finished a blob in this repository within the last ten minutes. */
  async hasJustPushed(caller: Caller, repository: RepositoryName): Promise<boolean> {
    return await hasRecentUpload(this.#parts.database, principalKey(caller.token.principal), repository);
  }

  /** Why a wish was refused, in as many words as the caller may know. */
  async explainRefusal(caller: Caller | undefined, wish: RefusedWish): Promise<string> {
    return await explainRefusal(this.#parts.database, caller?.token.principal, wish);
  }

  async #authenticate(exchange: Exchange, header: string): Promise<KnownPrincipal> {
    const credentials = parseBasicCredentials(header);
    if (credentials === undefined) {
      throw new ChallengeError(
        'the Authorization header is neither Bearer nor Basic with a name and a secret',
        this.challenge(exchange.req, []),
      );
    }
    try {
      const address = this.addressOf(exchange.req);
      return await this.#parts.authenticator.authenticateBasic(credentials.username, credentials.password, {
        address,
        requestId: exchange.id,
        userAgent: exchange.header('user-agent'),
      });
    } catch (error) {
      if (!(error instanceof AppError) || error.code !== 'UNAUTHORIZED') throw error;
      exchange.tried = triedName(credentials.username);
      throw new ChallengeError(
        `unauthorized: authentication required; ${error.message}`,
        this.challenge(exchange.req, []),
        error,
      );
    }
  }

  async #tokenOf(principal: KnownPrincipal, names: readonly RepositoryName[]): Promise<VerifiedToken> {
    const rights = await rightsForRepositories(this.#parts.database, principal, names);
    const repositories = new Map<string, AccessEntry>();
    for (const [name, { project, rights: held }] of rights) {
      const actions = registryActions(held);
      repositories.set(name, {
        type: 'repository',
        name,
        actions,
        project: project.id,
        version: project.version,
      });
    }
    return {
      subject: principal.name,
      principal: toTokenPrincipal(principal),
      repositories,
      catalog: false,
      issuedAt: 0,
      expiresAt: 0,
    };
  }
}

function toCaller(token: VerifiedToken, expired: boolean): Caller {
  const { principal } = token;
  const uploadOwner: UploadOwner =
    principal === undefined ? { kind: 'anonymous', id: 0 } : { kind: principal.kind, id: principal.id };
  return { token, expired, uploadOwner };
}
