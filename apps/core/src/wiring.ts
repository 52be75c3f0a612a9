import type { DynamicModule, Provider, Type } from '@nestjs/common';
import { RequestOrigins } from '@entrepot/access/request-origin';
import { TokenService } from '@entrepot/access/token-service';
import type { CoreConfig } from './core-config.ts';
import type { CoreResources } from './core-resources.ts';
import { checkCoverage } from './http/coverage.ts';
import { ArtifactsService } from './modules/catalog/artifacts.service.ts';
import { CatalogController } from './modules/catalog/catalog.controller.ts';
import { RecycleBinService } from './modules/catalog/recycle-bin.service.ts';
import { RepositoriesService } from './modules/catalog/repositories.service.ts';
import { TagsService } from './modules/catalog/tags.service.ts';
import { CollectionController } from './modules/collection/collection.controller.ts';
import { CollectionService } from './modules/collection/collection.service.ts';
import { MembersController } from './modules/members/members.controller.ts';
import { MembersService } from './modules/members/members.service.ts';
import { CreateProjectService } from './modules/projects/create-project.service.ts';
import { ProjectMetadataService } from './modules/projects/project-metadata.service.ts';
import { ProjectSummaryService } from './modules/projects/project-summary.service.ts';
import { ProjectsController } from './modules/projects/projects.controller.ts';
import { ProjectsService } from './modules/projects/projects.service.ts';
import { RobotsController } from './modules/robots/robots.controller.ts';
import { RobotsService } from './modules/robots/robots.service.ts';
import { SystemController } from './modules/system/system.controller.ts';
import { SystemService } from './modules/system/system.service.ts';
import { WelcomeController } from './modules/system/welcome.controller.ts';
import { KeysService } from './modules/tokens/keys.service.ts';
import { TokensController } from './modules/tokens/tokens.controller.ts';
import { AccountsService } from './modules/users/accounts.service.ts';
import { PermissionsService } from './modules/users/permissions.service.ts';
import { UsersController } from './modules/users/users.controller.ts';
import { UsersService } from './modules/users/users.service.ts';

const controllers: Type[] = [
  ProjectsController,
  MembersController,
  UsersController,
  RobotsController,
  CatalogController,
  CollectionController,
  SystemController,
  TokensController,
  WelcomeController,
];

class CoreModule {}

/** Everything that core is made of, and from what. Fails when the contract and the controllers differ. */
export function createModule(config: CoreConfig, resources: CoreResources): DynamicModule {
  checkCoverage(controllers);
  const { database, jobs } = resources;
  const providers: Provider[] = [
    provide(RequestOrigins, resources.origins),
    provide(TokenService, resources.tokens),
    provide(KeysService, new KeysService(database)),
    provide(ProjectsService, new ProjectsService(database)),
    provide(CreateProjectService, new CreateProjectService(database)),
    provide(ProjectSummaryService, new ProjectSummaryService(database)),
    provide(ProjectMetadataService, new ProjectMetadataService(database)),
    provide(MembersService, new MembersService(database)),
    provide(UsersService, new UsersService(database)),
    provide(AccountsService, new AccountsService(database)),
    provide(PermissionsService, new PermissionsService(database)),
    provide(RobotsService, new RobotsService(database)),
    provide(RepositoriesService, new RepositoriesService(database)),
    provide(ArtifactsService, new ArtifactsService(database)),
    provide(TagsService, new TagsService(database)),
    provide(RecycleBinService, new RecycleBinService(database)),
    provide(CollectionService, new CollectionService(database, jobs)),
    provide(SystemService, new SystemService(config, database)),
  ];
  return { module: CoreModule, controllers, providers };
}

function provide<T>(type: abstract new (...values: never[]) => T, useValue: T): Provider {
  return { provide: type, useValue };
}
