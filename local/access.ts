import { permissions, type Role } from "../contract/permissions";

/** Who calls: one of the platform's roles, or the person at the keyboard, who may do everything. */
export type TwinRole = Role | "operator";

/** One key pair per role, as IAM would hand it out. */
export interface AccessKey {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly role: TwinRole;
}

/** IAM's `*` at the end of a resource: any characters, slashes among them. */
const covers = (pattern: string, resource: string): boolean =>
  pattern.endsWith("*") ? resource.startsWith(pattern.slice(0, -1)) : pattern === resource;

/**
 * Whether a role may do this, by the one permission table.
 * @param action as IAM writes it, such as `s3:GetObject`
 * @param resource `in`, `out`, `queue`…, or an object as `in/<key>` and `out/<key>`
 */
export const allows = (role: TwinRole, action: string, resource: string): boolean =>
  role === "operator" ||
  permissions[role].some(
    (grant) => grant.actions.includes(action) && grant.resources.some((pattern) => covers(pattern, resource)),
  );
