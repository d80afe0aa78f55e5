import { readFileSync } from "node:fs";
import { JournalError } from "./journal";
import { type SqsConfig, startSqs } from "./server";

/** The twin's SQS as a process of its own: `node --import tsx local/sqs/main.ts <config.json>`. */
const main = async (): Promise<void> => {
  const [file] = process.argv.slice(2);
  if (file === undefined) throw new Error("Expected the path of a configuration file as the one argument.");
  const sqs = await startSqs(JSON.parse(readFileSync(file, "utf8")) as SqsConfig, {
    onFailure: (error) => {
      console.error(error);
      if (!(error instanceof JournalError)) return;
      process.exitCode = 1;
      void sqs.close();
    },
  });
  process.once("SIGTERM", () => void sqs.close());
  console.log(`ready ${sqs.url}`);
};

main().catch((error: unknown) => {
  console.error(error);
  process.exitCode = 1;
});
