import { parseArgs } from 'node:util';
import { allCases, allFigures } from './cases/all-cases.ts';
import type { Case, Scale } from './cases/case.ts';
import type { FigureCase } from './cases/figure.ts';

const mebibyte = 1024 * 1024;
const fullScale: Scale = {
  rounds: 5,
  seconds: 1.5,
  warmUp: 3,
  keys: 10_000,
  repositories: 500,
  tags: 10_000,
  large: 256 * mebibyte,
  huge: 20e9,
};
const quickScale: Scale = {
  rounds: 3,
  seconds: 0.7,
  warmUp: 1,
  keys: 2000,
  repositories: 100,
  tags: 2000,
  large: 64 * mebibyte,
  huge: 2e9,
};

/** What the command line asks for. */
export interface Options {
  readonly cases: readonly Case[];
  readonly figures: readonly FigureCase[];
  readonly scale: Scale;
  readonly publish: boolean;
  /** Flags for the node process of Entrepot. */
  readonly nodeFlags: readonly string[];
}

/** Reads the command line. Throws with a sentence about what is wrong with it. */
export function readOptions(args: readonly string[]): Options {
  const { values } = parseArgs({
    args: [...args],
    options: {
      case: { type: 'string' },
      rounds: { type: 'string' },
      quick: { type: 'boolean', default: false },
      publish: { type: 'boolean', default: false },
      profile: { type: 'string' },
    },
  });
  const wanted = values.case?.split(',') ?? idsOfAll(values.quick);
  refuseUnknown(wanted);
  const scale = values.quick ? quickScale : fullScale;
  return {
    cases: allCases.filter(({ id }) => wanted.includes(id)),
    figures: allFigures.filter(({ id }) => wanted.includes(id)),
    scale: values.rounds === undefined ? scale : { ...scale, rounds: readRounds(values.rounds) },
    publish: values.publish,
    nodeFlags: values.profile === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${values.profile}`],
  };
}

function idsOfAll(isQuick: boolean): string[] {
  return [...allCases, ...allFigures.filter((one) => one.isQuick || !isQuick)].map(({ id }) => id);
}

function refuseUnknown(wanted: readonly string[]): void {
  const known = idsOfAll(false);
  const unknown = wanted.filter((id) => !known.includes(id));
  if (unknown.length > 0) throw new Error(`no case ${unknown.join(', ')}; there are ${known.join(', ')}`);
}

function readRounds(text: string): number {
  const rounds = Number(text);
  if (!Number.isInteger(rounds) || rounds < 1) throw new Error('--rounds wants a whole number from 1');
  return rounds;
}
