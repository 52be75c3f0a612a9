import { z } from 'zod';
import { contentFacts } from './content-facts.ts';
import { projectFacts } from './project-facts.ts';

/** Every fact, by name and version. Closed: a producer cannot write, nor a consumer ask for, another one. */
export const facts = { ...contentFacts, ...projectFacts };

/** The name of a fact, `<noun>.<participle>`. */
export type FactName = keyof typeof facts;

/** What a fact says, as consumers read it: digests in the form `sha256:<hex>`. */
export type FactPayload<Name extends FactName = FactName> = z.output<(typeof facts)[Name]['payload']>;

/** What a producer writes for a fact: digests as the database keeps them, in hexadecimal. */
export type FactInput<Name extends FactName = FactName> = z.input<(typeof facts)[Name]['payload']>;

/** A fact as it stands in the outbox, its payload parsed. Narrow it by `name`. */
export type Fact = { [Name in FactName]: FactEnvelope<Name> }[FactName];

interface FactEnvelope<Name extends FactName> {
  /** Grows with time: a consumer that remembers the last one it has seen can drop repeats. */
  readonly id: number;
  readonly name: Name;
  readonly version: number;
  /** Facts of one key are delivered in the order in which they became true. */
  readonly key: string;
  readonly happenedAt: Date;
  readonly payload: FactPayload<Name>;
}

/** A row of the outbox, or what a task carries of it. */
const factRow = z.object({
  id: z.int(),
  fact: z.string(),
  version: z.int(),
  key: z.string(),
  payload: z.unknown(),
  happenedAt: z.coerce.date(),
});

/** Whether `name` stands in the list. */
export function isFactName(name: string): name is FactName {
  return Object.hasOwn(facts, name);
}

/**
 * Reads a fact as it was written. Throws a ZodError for a name, version or payload that this version of the
 * product does not know: the task that carries it is parked and shown, never dropped.
 */
export function parseFact(row: unknown): Fact {
  const { id, fact, version, key, payload, happenedAt } = factRow.parse(row);
  const name = factName.parse(fact);
  const definition = facts[name];
  z.int().max(definition.version).parse(version);
  // name and payload are of the same entry of the list, which the compiler cannot follow through the index
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion
  return { id, name, version, key, happenedAt, payload: definition.payload.parse(payload) } as Fact;
}

const factName = z.string().refine(isFactName, { error: 'no such fact' });
