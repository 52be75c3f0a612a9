import {
  createParamDecorator,
  HttpCode,
  RequestMapping,
  RequestMethod,
  SetMetadata,
  type ExecutionContext,
} from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import {
  fullPath,
  isOperation,
  statusOf,
  type InputOf,
  type Operation,
  type ResultOf,
} from '@entrepot/api-contract/operation';
import { getCaller, type Caller } from './caller.ts';
import { readInput } from './read-input.ts';

const operationKey = 'entrepot:operation';

const Input = createParamDecorator((op: Operation, context: ExecutionContext) =>
  readInput(op, context.switchToHttp().getRequest<FastifyRequest>()),
);
const CallerOf = createParamDecorator((_: undefined, context: ExecutionContext) =>
  getCaller(context.switchToHttp().getRequest<FastifyRequest>()),
);

type Handler<Op extends Operation> = (input: InputOf<Op>, caller: Caller) => Promise<ResultOf<Op>>;

/**
 * Makes a method the handler of an operation: path, method, status, checks and the shape of the answer all come
 * from it. The method is given the checked input and the caller, and the compiler holds it to the operation's types.
 */
export function Endpoint<Op extends Operation>(op: Op) {
  return <Method extends Handler<Op>>(
    target: object,
    name: string,
    descriptor: TypedPropertyDescriptor<Method>,
  ): void => {
    const path = fullPath(op).replaceAll(/\{(\w+)\}/g, ':$1');
    RequestMapping({ path, method: RequestMethod[op.method] })(target, name, descriptor);
    HttpCode(statusOf(op))(target, name, descriptor);
    SetMetadata(operationKey, op)(target, name, descriptor);
    Input(op)(target, name, 0);
    CallerOf()(target, name, 1);
  };
}

const outsideKey = 'entrepot:outside-contract';

/** Marks a route that is no operation of the REST API and looks after its own rights: the token service, say. */
export const OutsideContract = (): MethodDecorator => SetMetadata(outsideKey, true);

/** Whether a handler is marked as {@link OutsideContract}. */
export function isOutsideContract(handler: object): boolean {
  return Reflect.getMetadata(outsideKey, handler) === true;
}

/** The operation that a handler belongs to; undefined for a route outside the contract. */
export function operationOf(handler: object): Operation | undefined {
  const op: unknown = Reflect.getMetadata(operationKey, handler);
  return isOperation(op) ? op : undefined;
}
