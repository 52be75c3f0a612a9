import { fullPath } from '@entrepot/api-contract/operation';
import { operations } from '@entrepot/api-contract/operations';

const paths = operations.map((op) => ({
  method: op.method,
  pattern: new RegExp(
    `^${fullPath(op)
      .replaceAll('.', String.raw`\.`)
      .replaceAll(/\{\w+\}/g, '[^/]+')}/*$`,
  ),
}));

/** The methods that the operations of the contract have at the path of a URL; none where there is no such path. */
export function allowedMethods(url: string): readonly string[] {
  const path = url.split('?', 1)[0] ?? '';
  return [...new Set(paths.filter(({ pattern }) => pattern.test(path)).map(({ method }) => method))];
}
