import { Controller } from '@nestjs/common';
import type { InputOf, ResultOf } from '@entrepot/api-contract/operation';
import * as contract from '@entrepot/api-contract/system';
import type { Caller } from '../../http/caller.ts';
import { Endpoint } from '../../http/endpoint.ts';
import { SystemService } from './system.service.ts';

@Controller()
export class SystemController {
  constructor(private readonly system: SystemService) {}

  @Endpoint(contract.getHealth)
  health(input: InputOf<typeof contract.getHealth>): Promise<ResultOf<typeof contract.getHealth>> {
    return this.system.health(input);
  }

  @Endpoint(contract.getPing)
  ping(input: InputOf<typeof contract.getPing>): Promise<ResultOf<typeof contract.getPing>> {
    return this.system.ping(input);
  }

  @Endpoint(contract.getVersion)
  version(input: InputOf<typeof contract.getVersion>): Promise<ResultOf<typeof contract.getVersion>> {
    return this.system.version(input);
  }

  @Endpoint(contract.getSystemInfo)
  info(
    input: InputOf<typeof contract.getSystemInfo>,
    caller: Caller,
  ): Promise<ResultOf<typeof contract.getSystemInfo>> {
    return this.system.info(input, caller);
  }
}
