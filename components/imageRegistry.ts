import * as pulumi from "@pulumi/pulumi";
import { expected } from "../contract/problem";
import { builtImage } from "./builtImage";
import { imageRepository } from "./imageRepository";

export interface ImageRegistryArgs {
  /** Added to both repositories' names: empty, or `-<stack>`. */
  readonly nameSuffix: string;
  /** Protects repositories that hold images from being destroyed; otherwise they go with them. @default true */
  readonly keepData?: boolean;
  /** API image by digest. @default built from server/Dockerfile and pushed */
  readonly apiImage?: string;
  /** Triton image by digest. @default built from server/triton/Dockerfile and pushed */
  readonly tritonImage?: string;
  /** Bakes the TensorRT variant of the model's configuration into a Triton image that is built. @default false */
  readonly tensorRt?: boolean;
  /** Key that encrypts the images. @default ECR's own encryption */
  readonly keyArn?: pulumi.Input<string>;
}

/** The repositories of both containers, and the images to run, each named by digest. */
export class ImageRegistry extends pulumi.ComponentResource {
  public readonly apiRepositoryUrl: pulumi.Output<string>;
  public readonly tritonRepositoryUrl: pulumi.Output<string>;
  public readonly apiImage: pulumi.Output<string>;
  public readonly tritonImage: pulumi.Output<string>;

  constructor(name: string, args: ImageRegistryArgs, opts?: pulumi.ComponentResourceOptions) {
    super("ddn:index:ImageRegistry", name, {}, opts);

    const { nameSuffix, keepData = true, apiImage, tritonImage, tensorRt = false, keyArn } = args;
    this.named("apiImage", apiImage);
    this.named("tritonImage", tritonImage);

    const api = imageRepository("deepdenoising-api", { nameSuffix, keepData, keyArn }, this);
    const triton = imageRepository("deepdenoising-triton", { nameSuffix, keepData, keyArn }, this);
    const modelConfig = tensorRt ? "config.tensorrt.pbtxt" : "config.pbtxt";

    this.apiRepositoryUrl = api.repositoryUrl;
    this.tritonRepositoryUrl = triton.repositoryUrl;
    this.apiImage =
      apiImage === undefined
        ? builtImage(`${name}-api`, api, { context: ".", dockerfile: "server/Dockerfile" }, this)
        : pulumi.output(apiImage);
    this.tritonImage =
      tritonImage === undefined
        ? builtImage(
            `${name}-triton`,
            triton,
            {
              context: "server/triton",
              dockerfile: "server/triton/Dockerfile",
              buildArgs: { MODEL_CONFIG: modelConfig },
            },
            this,
          )
        : pulumi.output(tritonImage);
    this.registerOutputs({
      apiRepositoryUrl: this.apiRepositoryUrl,
      tritonRepositoryUrl: this.tritonRepositoryUrl,
      apiImage: this.apiImage,
      tritonImage: this.tritonImage,
    });
  }

  private named(name: "apiImage" | "tritonImage", image: string | undefined): void {
    if (image === undefined || /@sha256:[0-9a-f]{64}$/.test(image)) return;
    const remedy = "A tag may move; leave it out to build the image.";
    throw new pulumi.ResourceError(expected("an image by digest (…@sha256:…)", name, image, remedy), this, true);
  }
}
