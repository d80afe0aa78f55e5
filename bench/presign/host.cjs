// Runs the packed presign function as Lambda would, in a fresh process: `node host.cjs FILE EVENT COUNT` prints, as JSON, the
// milliseconds from the process's start to its first answer, and the processor milliseconds of each of COUNT later ones.
const { handler } = require(process.argv[2]);
const event = JSON.parse(process.argv[3]);
const count = Number(process.argv[4]);

const ask = async () => {
  const { statusCode, body } = await handler(event, { awsRequestId: "request-1" });
  if (statusCode !== 200) throw new Error(`${statusCode} ${body}`);
};

const main = async () => {
  await ask();
  const coldMs = performance.now();
  // What has run a few times is compiled.
  for (let request = 0; request < count / 10; request++) await ask();
  const before = process.cpuUsage();
  for (let request = 0; request < count; request++) await ask();
  const { user, system } = process.cpuUsage(before);
  process.stdout.write(JSON.stringify({ coldMs, cpuMs: (user + system) / 1000 / count }));
};

main().catch((error) => {
  process.stderr.write(`${error.stack}\n`);
  process.exit(1);
});
