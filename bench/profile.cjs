// Preloaded into the server: writes a V8 profile of its main thread, from its first moment to its exit, to DDN_PROFILE.
const { writeFileSync } = require("node:fs");
const { Session } = require("node:inspector");
const { join } = require("node:path");
const { isMainThread } = require("node:worker_threads");

const folder = process.env.DDN_PROFILE;
if (isMainThread && folder !== undefined) {
  const session = new Session();
  session.connect();
  session.post("Profiler.enable");
  session.post("Profiler.start");
  process.on("exit", () => {
    session.post("Profiler.stop", (error, answer) => {
      if (error === null)
        writeFileSync(join(folder, `server-${process.pid}.cpuprofile`), JSON.stringify(answer.profile));
    });
  });
}
