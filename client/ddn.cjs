#!/usr/bin/env node
"use strict";

require("tsx/cjs");

const { main } = require("./command.ts");

main(process).then((exitCode) => {
  process.exitCode = exitCode;
});
