import { Controller } from '@nestjs/common';
import type { InputOf, ResultOf } from '@entrepot/api-contract/operation';
import * as metadata from '@entrepot/api-contract/project-metadata';
import * as contract from '@entrepot/api-contract/projects';
import type { Caller } from '../../http/caller.ts';
import { Endpoint } from '../../http/endpoint.ts';
import { CreateProjectService } from './create-project.service.ts';
import { ProjectMetadataService } from './project-metadata.service.ts';
import { ProjectSummaryService } from './project-summary.service.ts';
import { ProjectsService } from './projects.service.ts';

@Controller()
export class ProjectsController {
  constructor(
    private readonly projects: ProjectsService,
    private readonly creation: CreateProjectService,
    private readonly summaries: ProjectSummaryService,
    private readonly settings: ProjectMetadataService,
  ) {}

  @Endpoint(contract.headProject)
  head(input: InputOf<typeof contract.headProject>): Promise<void> {
    return this.projects.head(input);
  }

  @Endpoint(contract.listProjects)
  list(
    input: InputOf<typeof contract.listProjects>,
    caller: Caller,
  ): Promise<ResultOf<typeof contract.listProjects>> {
    return this.projects.list(input, caller);
  }

  @Endpoint(contract.createProject)
  create(
    input: InputOf<typeof contract.createProject>,
    caller: Caller,
  ): Promise<ResultOf<typeof contract.createProject>> {
    return this.creation.create(input, caller);
  }

  @Endpoint(contract.getProject)
  get(
    input: InputOf<typeof contract.getProject>,
    caller: Caller,
  ): Promise<ResultOf<typeof contract.getProject>> {
    return this.projects.get(input, caller);
  }

  @Endpoint(contract.updateProject)
  update(input: InputOf<typeof contract.updateProject>, caller: Caller): Promise<void> {
    return this.projects.update(input, caller);
  }

  @Endpoint(contract.deleteProject)
  delete(input: InputOf<typeof contract.deleteProject>, caller: Caller): Promise<void> {
    return this.projects.delete(input, caller);
  }

  @Endpoint(contract.getProjectDeletable)
  deletable(
    input: InputOf<typeof contract.getProjectDeletable>,
    caller: Caller,
  ): Promise<ResultOf<typeof contract.getProjectDeletable>> {
    return this.projects.deletable(input, caller);
  }

  @Endpoint(contract.getProjectSummary)
  summary(
    input: InputOf<typeof contract.getProjectSummary>,
    caller: Caller,
  ): Promise<ResultOf<typeof contract.getProjectSummary>> {
    return this.summaries.get(input, caller);
  }

  @Endpoint(metadata.listProjectMetadatas)
  listMetadata(
    input: InputOf<typeof metadata.listProjectMetadatas>,
    caller: Caller,
  ): Promise<ResultOf<typeof metadata.listProjectMetadatas>> {
    return this.settings.list(input, caller);
  }

  @Endpoint(metadata.addProjectMetadatas)
  addMetadata(input: InputOf<typeof metadata.addProjectMetadatas>, caller: Caller): Promise<void> {
    return this.settings.add(input, caller);
  }

  @Endpoint(metadata.getProjectMetadata)
  getMetadata(
    input: InputOf<typeof metadata.getProjectMetadata>,
    caller: Caller,
  ): Promise<ResultOf<typeof metadata.getProjectMetadata>> {
    return this.settings.get(input, caller);
  }

  @Endpoint(metadata.updateProjectMetadata)
  updateMetadata(input: InputOf<typeof metadata.updateProjectMetadata>, caller: Caller): Promise<void> {
    return this.settings.update(input, caller);
  }

  @Endpoint(metadata.deleteProjectMetadata)
  deleteMetadata(input: InputOf<typeof metadata.deleteProjectMetadata>, caller: Caller): Promise<void> {
    return this.settings.delete(input, caller);
  }
}
