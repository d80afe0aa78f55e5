import { readConfig } from "./config";
import { startS3 } from "./server";

/** `node --import tsx local/s3/main.ts <config.json>`: serves until SIGTERM; its one line of output says where. */
const main = async (): Promise<void> => {
  const file = process.argv[2];
  if (file === undefined) throw new Error("Expected the path of a configuration file as the one argument.");
  const s3 = await startS3(await readConfig(file));
  const stop = (): void => {
    void s3.close().then(() => process.exit(0));
  };
  process.once("SIGTERM", stop).once("SIGINT", stop);
  console.log(`ready ${s3.url}`);
};

main().catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : error);
  process.exit(1);
});
