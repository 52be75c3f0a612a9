import { Controller } from '@nestjs/common';
import * as contract from '@entrepot/api-contract/collection';
import type { InputOf, ResultOf } from '@entrepot/api-contract/operation';
import type { Caller } from '../../http/caller.ts';
import { Endpoint } from '../../http/endpoint.ts';
import { CollectionService } from './collection.service.ts';

@Controller()
export class CollectionController {
  constructor(private readonly collection: CollectionService) {}

  @Endpoint(contract.getGcHistory)
  list(input: InputOf<typeof contract.getGcHistory>): Promise<ResultOf<typeof contract.getGcHistory>> {
    return this.collection.list(input);
  }

  @Endpoint(contract.getGcSchedule)
  getSchedule(): Promise<ResultOf<typeof contract.getGcSchedule>> {
    return this.collection.getSchedule();
  }

  @Endpoint(contract.createGcSchedule)
  createSchedule(
    input: InputOf<typeof contract.createGcSchedule>,
    caller: Caller,
  ): Promise<ResultOf<typeof contract.createGcSchedule>> {
    return this.collection.createSchedule(input, caller);
  }

  @Endpoint(contract.updateGcSchedule)
  updateSchedule(input: InputOf<typeof contract.updateGcSchedule>, caller: Caller): Promise<void> {
    return this.collection.updateSchedule(input, caller);
  }

  @Endpoint(contract.getGc)
  get(input: InputOf<typeof contract.getGc>): Promise<ResultOf<typeof contract.getGc>> {
    return this.collection.get(input);
  }

  @Endpoint(contract.stopGc)
  stop(input: InputOf<typeof contract.stopGc>, caller: Caller): Promise<void> {
    return this.collection.stop(input, caller);
  }

  @Endpoint(contract.getGcLog)
  readLog(input: InputOf<typeof contract.getGcLog>): Promise<string> {
    return this.collection.readLog(input);
  }
}
