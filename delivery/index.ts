import { type DeliveryConfig, loadDeliveryConfig } from "./config";
import { GithubActions } from "./githubActions";
import { PulumiDeployments } from "./pulumiDeployments";

/** What the documents ask to be copied into settings elsewhere. */
const delivered = (config: DeliveryConfig): object => {
  if (config.service === "pulumi") {
    const { roleArns } = new PulumiDeployments("delivery", config);
    return { roleArns };
  }
  const { planRoleArn, roleArns, backendUrl, secretsProvider } = new GithubActions("delivery", config);
  return { planRoleArn, roleArns, backendUrl, secretsProvider };
};

export = delivered(loadDeliveryConfig());
