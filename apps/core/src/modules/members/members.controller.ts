import { Controller } from '@nestjs/common';
import * as contract from '@entrepot/api-contract/members';
import type { InputOf, ResultOf } from '@entrepot/api-contract/operation';
import type { Caller } from '../../http/caller.ts';
import { Endpoint } from '../../http/endpoint.ts';
import { MembersService } from './members.service.ts';

@Controller()
export class MembersController {
  constructor(private readonly members: MembersService) {}

  @Endpoint(contract.listProjectMembers)
  list(
    input: InputOf<typeof contract.listProjectMembers>,
    caller: Caller,
  ): Promise<ResultOf<typeof contract.listProjectMembers>> {
    return this.members.list(input, caller);
  }

  @Endpoint(contract.createProjectMember)
  create(
    input: InputOf<typeof contract.createProjectMember>,
    caller: Caller,
  ): Promise<ResultOf<typeof contract.createProjectMember>> {
    return this.members.create(input, caller);
  }

  @Endpoint(contract.getProjectMember)
  get(
    input: InputOf<typeof contract.getProjectMember>,
    caller: Caller,
  ): Promise<ResultOf<typeof contract.getProjectMember>> {
    return this.members.get(input, caller);
  }

  @Endpoint(contract.updateProjectMember)
  update(input: InputOf<typeof contract.updateProjectMember>, caller: Caller): Promise<void> {
    return this.members.update(input, caller);
  }

  @Endpoint(contract.deleteProjectMember)
  delete(input: InputOf<typeof contract.deleteProjectMember>, caller: Caller): Promise<void> {
    return this.members.delete(input, caller);
  }
}
