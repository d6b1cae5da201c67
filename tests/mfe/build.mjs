// SPDX-License-Identifier: AGPL-3.0-only
// Bundles the host page, with the special-exams library as npm delivers it, into the directory given (default: var/mfe).

import { copyFileSync, mkdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const here = dirname(fileURLToPath(import.meta.url));
const out = process.argv[2] ?? join(here, "../../var/mfe");

mkdirSync(out, { recursive: true });
await build({
  absWorkingDir: here,
  entryPoints: { app: "host/app.jsx" },
  outdir: out,
  bundle: true,
  minify: true,
  format: "iife",
  target: "es2022",
  jsx: "automatic",
  logLevel: "warning",
  alias: { "env.config": join(here, "host/env.config.js") },
  // The learning MFE's build takes these from its environment; here the page's server gives them, for ports differ from run to run.
  define: { "process.env.NODE_ENV": '"production"', "process.env": "globalThis.MFE_ENV" },
  // Paragon has the breakpoints of its style sheet as defaults too.
  loader: { ".scss": "empty", ".woff": "empty", ".woff2": "empty", ".svg": "dataurl" },
});
copyFileSync(join(here, "host/index.html"), join(out, "index.html"));
