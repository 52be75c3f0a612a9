import type { RobotCreate, RobotPermission } from '@entrepot/api-contract/robots';
import { AppError } from '@entrepot/errors/app-error';
import { checkPassword } from '@entrepot/identity/password-policy';
import type { RobotLevel } from '@entrepot/policy/robot-permissions';
import type { z } from 'zod';
import { fullName, type RobotRow } from './robot-rows.ts';

/** A robot that is to be, its permissions not yet looked at. */
export interface NewRobot {
  readonly name: string;
  readonly description: string;
  readonly level: RobotLevel;
  /** Days; -1 for ever. */
  readonly duration: number;
  readonly disabled: boolean;
  /** The chosen secret; undefined to have one made. */
  readonly secret: string | undefined;
  readonly permissions: z.output<typeof RobotPermission>[];
}

const namePattern = /^[a-z0-9]+(?:[._-][a-z0-9]+)*$/;
const longestDuration = 2_147_483_646;
// PostgreSQL's times end long before: a robot that lives longer does not expire in practice
const longestKept = 36_500;

function readRobotName(name: string): string {
  if (name.length <= 255 && namePattern.test(name)) return name;
  throw new AppError(
    'BAD_REQUEST',
    `robot name is not in lower case or contains illegal characters: ${JSON.stringify(name.slice(0, 64))}; it is lower case letters and digits, with single . _ or - between them`,
  );
}

function readLevel(level: string | null | undefined): RobotLevel {
  if (level === 'system' || level === 'project') return level;
  if (level === null || level === undefined)
    throw new AppError('BAD_REQUEST', 'level is missing: it is system or project');
  throw new AppError('BAD_REQUEST', `level: must be system or project, not ${JSON.stringify(level)}`);
}

/** Reads a robot to create. `BAD_REQUEST` names what is wrong with it. */
export function readNewRobot(body: z.output<typeof RobotCreate>): NewRobot {
  return {
    name: readRobotName(body.name),
    description: body.description ?? '',
    level: readLevel(body.level),
    duration: readDuration(body.duration),
    disabled: body.disable === true,
    secret: readSecret(body.secret),
    permissions: body.permissions ?? [],
  };
}

/** Reads a chosen secret; undefined for none. `BAD_REQUEST` when it is too weak. */
export function readSecret(secret: string | null | undefined): string | undefined {
  if (!secret) return undefined;
  checkPassword(secret);
  return secret;
}

/** Reads the days that a robot lives; -1 for ever. */
export function readDuration(days: number | null | undefined): number {
  if (days === -1) return -1;
  if (days === null || days === undefined || days < 1 || days > longestDuration) {
    throw new AppError('BAD_REQUEST', `duration: must be -1 for ever, or 1 to ${longestDuration} days`);
  }
  return Math.min(days, longestKept);
}

/** Refuses a change of what a robot keeps for life: its name and level. */
export function checkUnchanged(
  robot: RobotRow,
  body: { readonly name?: string | null | undefined; readonly level?: string | null | undefined },
): void {
  if (body.level && body.level !== robot.level)
    throw new AppError('BAD_REQUEST', 'cannot update the level of robot');
  if (body.name && body.name !== fullName(robot) && body.name !== robot.name) {
    throw new AppError('BAD_REQUEST', 'cannot update the name of robot');
  }
}
