import * as aws from "@pulumi/aws";
import { contractVersion as version } from "./contract/version";

/** The version of the routes and outputs that other teams build on. */
export const contractVersion = version;

/** The region that the stack lives in. */
export const region = aws.getRegionOutput().region;
