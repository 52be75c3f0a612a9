import type { Type } from '@nestjs/common';
import { operations } from '@entrepot/api-contract/operations';
import { operationOf } from './endpoint.ts';

/**
 * Fails unless every operation of the contract has exactly one handler among the controllers. As an operation says
 * who may call it, none of the API can be there without a check.
 */
export function checkCoverage(controllers: readonly Type[]): void {
  const handled = controllers
    .flatMap((controller) => handlersOf(controller))
    .flatMap((each) => operationOf(each) ?? []);
  const problems = [
    ...operations.filter((op) => !handled.includes(op)).map((op) => `${op.id} has no handler`),
    ...handled.filter((op, index) => handled.indexOf(op) !== index).map((op) => `${op.id} has two handlers`),
    ...handled.filter((op) => !operations.includes(op)).map((op) => `${op.id} is not in the contract's list`),
  ];
  if (problems.length > 0) throw new Error(`the contract and the controllers differ: ${problems.join('; ')}`);
}

function handlersOf(controller: Type): object[] {
  const members: unknown[] = Object.values(Object.getOwnPropertyDescriptors(controller.prototype)).map(
    (descriptor: PropertyDescriptor): unknown => descriptor.value,
  );
  return members.filter((member) => typeof member === 'function');
}
