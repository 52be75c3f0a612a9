import { Controller } from '@nestjs/common';
import type { InputOf, ResultOf } from '@entrepot/api-contract/operation';
import { getPermissions } from '@entrepot/api-contract/permissions';
import * as contract from '@entrepot/api-contract/users';
import type { Caller } from '../../http/caller.ts';
import { Endpoint } from '../../http/endpoint.ts';
import { AccountsService } from './accounts.service.ts';
import { PermissionsService } from './permissions.service.ts';
import { UsersService } from './users.service.ts';

@Controller()
export class UsersController {
  constructor(
    private readonly users: UsersService,
    private readonly accounts: AccountsService,
    private readonly permissions: PermissionsService,
  ) {}

  @Endpoint(contract.listUsers)
  list(input: InputOf<typeof contract.listUsers>): Promise<ResultOf<typeof contract.listUsers>> {
    return this.users.list(input);
  }

  @Endpoint(contract.createUser)
  create(
    input: InputOf<typeof contract.createUser>,
    caller: Caller,
  ): Promise<ResultOf<typeof contract.createUser>> {
    return this.users.create(input, caller);
  }

  @Endpoint(contract.getCurrentUserInfo)
  current(
    input: InputOf<typeof contract.getCurrentUserInfo>,
    caller: Caller,
  ): Promise<ResultOf<typeof contract.getCurrentUserInfo>> {
    return this.users.current(input, caller);
  }

  @Endpoint(contract.searchUsers)
  search(input: InputOf<typeof contract.searchUsers>): Promise<ResultOf<typeof contract.searchUsers>> {
    return this.users.search(input);
  }

  @Endpoint(contract.getCurrentUserPermissions)
  currentPermissions(
    input: InputOf<typeof contract.getCurrentUserPermissions>,
    caller: Caller,
  ): Promise<ResultOf<typeof contract.getCurrentUserPermissions>> {
    return this.permissions.current(input, caller);
  }

  @Endpoint(getPermissions)
  robotPermissions(
    input: InputOf<typeof getPermissions>,
    caller: Caller,
  ): Promise<ResultOf<typeof getPermissions>> {
    return this.permissions.catalogue(input, caller);
  }

  @Endpoint(contract.getUser)
  get(input: InputOf<typeof contract.getUser>, caller: Caller): Promise<ResultOf<typeof contract.getUser>> {
    return this.users.get(input, caller);
  }

  @Endpoint(contract.updateUserProfile)
  update(input: InputOf<typeof contract.updateUserProfile>, caller: Caller): Promise<void> {
    return this.users.update(input, caller);
  }

  @Endpoint(contract.deleteUser)
  delete(input: InputOf<typeof contract.deleteUser>, caller: Caller): Promise<void> {
    return this.accounts.delete(input, caller);
  }

  @Endpoint(contract.setUserSysAdmin)
  setAdministrator(input: InputOf<typeof contract.setUserSysAdmin>, caller: Caller): Promise<void> {
    return this.accounts.setAdministrator(input, caller);
  }

  @Endpoint(contract.updateUserPassword)
  setPassword(input: InputOf<typeof contract.updateUserPassword>, caller: Caller): Promise<void> {
    return this.accounts.setPassword(input, caller);
  }
}
