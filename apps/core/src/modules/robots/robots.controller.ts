import { Controller } from '@nestjs/common';
import type { InputOf, ResultOf } from '@entrepot/api-contract/operation';
import * as contract from '@entrepot/api-contract/robots';
import type { Caller } from '../../http/caller.ts';
import { Endpoint } from '../../http/endpoint.ts';
import { RobotsService } from './robots.service.ts';

@Controller()
export class RobotsController {
  constructor(private readonly robots: RobotsService) {}

  @Endpoint(contract.listRobots)
  list(
    input: InputOf<typeof contract.listRobots>,
    caller: Caller,
  ): Promise<ResultOf<typeof contract.listRobots>> {
    return this.robots.list(input, caller);
  }

  @Endpoint(contract.createRobot)
  create(
    input: InputOf<typeof contract.createRobot>,
    caller: Caller,
  ): Promise<ResultOf<typeof contract.createRobot>> {
    return this.robots.create(input, caller);
  }

  @Endpoint(contract.getRobot)
  get(input: InputOf<typeof contract.getRobot>, caller: Caller): Promise<ResultOf<typeof contract.getRobot>> {
    return this.robots.get(input, caller);
  }

  @Endpoint(contract.updateRobot)
  update(input: InputOf<typeof contract.updateRobot>, caller: Caller): Promise<void> {
    return this.robots.update(input, caller);
  }

  @Endpoint(contract.deleteRobot)
  delete(input: InputOf<typeof contract.deleteRobot>, caller: Caller): Promise<void> {
    return this.robots.delete(input, caller);
  }

  @Endpoint(contract.refreshRobotSecret)
  refreshSecret(
    input: InputOf<typeof contract.refreshRobotSecret>,
    caller: Caller,
  ): Promise<ResultOf<typeof contract.refreshRobotSecret>> {
    return this.robots.refreshSecret(input, caller);
  }
}
