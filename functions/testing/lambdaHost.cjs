// Runs one serialised function as Lambda would: `node lambdaHost.cjs FILE`, an event per line in, an answer per line out.
const { createInterface } = require("node:readline");

const { handler } = require(process.argv[2]);
// Logs go to the error stream, so that answers alone are on the other.
const answer = process.stdout.write.bind(process.stdout);
process.stdout.write = process.stderr.write.bind(process.stderr);

createInterface({ input: process.stdin }).on("line", async (line) => {
  const outcome = await handler(JSON.parse(line), { awsRequestId: "request-1" }).then(
    (result) => ({ result }),
    (error) => ({ error: String(error) }),
  );
  answer(`${JSON.stringify(outcome)}\n`);
});
