import * as aws from "@pulumi/aws";
import * as pulumi from "@pulumi/pulumi";

export interface OutputParametersArgs {
  /** What all names begin with, such as `/ddn/dev`. */
  readonly path: string;
  /** By name; what is undefined gets no parameter. */
  readonly outputs: Readonly<Record<string, pulumi.Input<string> | undefined>>;
}

/** The stack's outputs as SSM parameters, for those who read without Pulumi. None is a secret. */
export class OutputParameters extends pulumi.ComponentResource {
  constructor(name: string, args: OutputParametersArgs, opts?: pulumi.ComponentResourceOptions) {
    super("ddn:index:OutputParameters", name, {}, opts);

    for (const [output, value] of Object.entries(args.outputs)) {
      if (value === undefined) continue;
      // `value` is kept as a secret, which a preview hides and a policy cannot read.
      new aws.ssm.Parameter(
        `${name}-${output}`,
        { name: `${args.path}/${output}`, type: "String", insecureValue: value },
        { parent: this },
      );
    }

    this.registerOutputs();
  }
}
