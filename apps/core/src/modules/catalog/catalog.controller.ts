import { Controller } from '@nestjs/common';
import * as artifacts from '@entrepot/api-contract/artifacts';
import type { InputOf, ResultOf } from '@entrepot/api-contract/operation';
import * as recycleBin from '@entrepot/api-contract/recycle-bin';
import * as repositories from '@entrepot/api-contract/repositories';
import * as tags from '@entrepot/api-contract/tags';
import type { Caller } from '../../http/caller.ts';
import { Endpoint } from '../../http/endpoint.ts';
import { ArtifactsService } from './artifacts.service.ts';
import { RecycleBinService } from './recycle-bin.service.ts';
import { RepositoriesService } from './repositories.service.ts';
import { TagsService } from './tags.service.ts';

@Controller()
export class CatalogController {
  constructor(
    private readonly repositories: RepositoriesService,
    private readonly artifacts: ArtifactsService,
    private readonly tags: TagsService,
    private readonly recycleBin: RecycleBinService,
  ) {}

  @Endpoint(repositories.listAllRepositories)
  listAllRepositories(
    input: InputOf<typeof repositories.listAllRepositories>,
    caller: Caller,
  ): Promise<ResultOf<typeof repositories.listAllRepositories>> {
    return this.repositories.listAll(input, caller);
  }

  @Endpoint(repositories.listRepositories)
  listRepositories(
    input: InputOf<typeof repositories.listRepositories>,
    caller: Caller,
  ): Promise<ResultOf<typeof repositories.listRepositories>> {
    return this.repositories.list(input, caller);
  }

  @Endpoint(repositories.getRepository)
  getRepository(
    input: InputOf<typeof repositories.getRepository>,
    caller: Caller,
  ): Promise<ResultOf<typeof repositories.getRepository>> {
    return this.repositories.get(input, caller);
  }

  @Endpoint(repositories.updateRepository)
  updateRepository(input: InputOf<typeof repositories.updateRepository>, caller: Caller): Promise<void> {
    return this.repositories.update(input, caller);
  }

  @Endpoint(repositories.deleteRepository)
  deleteRepository(input: InputOf<typeof repositories.deleteRepository>, caller: Caller): Promise<void> {
    return this.repositories.delete(input, caller);
  }

  @Endpoint(artifacts.listArtifactsOfProject)
  listArtifactsOfProject(
    input: InputOf<typeof artifacts.listArtifactsOfProject>,
    caller: Caller,
  ): Promise<ResultOf<typeof artifacts.listArtifactsOfProject>> {
    return this.artifacts.listOfProject(input, caller);
  }

  @Endpoint(artifacts.listArtifacts)
  listArtifacts(
    input: InputOf<typeof artifacts.listArtifacts>,
    caller: Caller,
  ): Promise<ResultOf<typeof artifacts.listArtifacts>> {
    return this.artifacts.list(input, caller);
  }

  @Endpoint(artifacts.getArtifact)
  getArtifact(
    input: InputOf<typeof artifacts.getArtifact>,
    caller: Caller,
  ): Promise<ResultOf<typeof artifacts.getArtifact>> {
    return this.artifacts.get(input, caller);
  }

  @Endpoint(artifacts.deleteArtifact)
  deleteArtifact(input: InputOf<typeof artifacts.deleteArtifact>, caller: Caller): Promise<void> {
    return this.artifacts.delete(input, caller);
  }

  @Endpoint(artifacts.listAccessories)
  listAccessories(
    input: InputOf<typeof artifacts.listAccessories>,
    caller: Caller,
  ): Promise<ResultOf<typeof artifacts.listAccessories>> {
    return this.artifacts.listAccessories(input, caller);
  }

  @Endpoint(tags.listTags)
  listTags(input: InputOf<typeof tags.listTags>, caller: Caller): Promise<ResultOf<typeof tags.listTags>> {
    return this.tags.list(input, caller);
  }

  @Endpoint(tags.createTag)
  createTag(input: InputOf<typeof tags.createTag>, caller: Caller): Promise<ResultOf<typeof tags.createTag>> {
    return this.tags.create(input, caller);
  }

  @Endpoint(tags.deleteTag)
  deleteTag(input: InputOf<typeof tags.deleteTag>, caller: Caller): Promise<void> {
    return this.tags.delete(input, caller);
  }

  @Endpoint(recycleBin.listDeletedArtifacts)
  listDeletedArtifacts(
    input: InputOf<typeof recycleBin.listDeletedArtifacts>,
    caller: Caller,
  ): Promise<ResultOf<typeof recycleBin.listDeletedArtifacts>> {
    return this.recycleBin.list(input, caller);
  }

  @Endpoint(recycleBin.restoreArtifact)
  restoreArtifact(
    input: InputOf<typeof recycleBin.restoreArtifact>,
    caller: Caller,
  ): Promise<ResultOf<typeof recycleBin.restoreArtifact>> {
    return this.recycleBin.restore(input, caller);
  }
}
