# SPDX-License-Identifier: AGPL-3.0-only
"""Load by wrk (Debian), and what it measured."""

import json
import re
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

MISSING: Final = "wrk is not installed: apt-get install wrk"

#: Requests a second, and milliseconds of the median and the slowest hundredth.
_RATE: Final = re.compile(r"Requests/sec:\s+([\d.]+)")
_LATENCY: Final = re.compile(r"(50|99)%\s+([\d.]+)(us|ms|s)\b")
_TOTAL: Final = re.compile(r"(\d+) requests in")
_REFUSED: Final = re.compile(r"Non-2xx or 3xx responses: (\d+)|Socket errors: (.*)")
_MILLISECONDS: Final = {"us": 0.001, "ms": 1.0, "s": 1000.0}

_ONE_REQUEST: Final = """
wrk.method = {method}
wrk.body = {body}
{headers}
"""

# One connection a thread: request, response, request. Three requests are one learner's exam.
_FLOW: Final = """
local token_file = {tokens}
local exam = {exam}
local counter, step, attempt, tokens = 0, 0, nil, {{}}
local threads = 0
function setup(thread) thread:set("number", threads); threads = threads + 1 end
function init(args)
  for line in io.lines(token_file) do tokens[#tokens + 1] = line end
end
function request()
  if step == 0 then counter = counter + 1 end
  local index = (counter - 1) * {threads} + number + 1
  local headers = {{["Authorization"] = "JWT " .. (tokens[index] or ""), ["Content-Type"] = "application/json"}}
  if step == 0 then
    return wrk.format("POST", "/api/v1/exams/attempt", headers, '{{"exam_id": ' .. exam .. '}}')
  elseif step == 1 then
    return wrk.format("PUT", "/api/v1/exams/attempt/" .. attempt, headers, '{{"action": "start"}}')
  end
  return wrk.format("PUT", "/api/v1/exams/attempt/" .. attempt, headers, '{{"action": "submit"}}')
end
function response(status, headers, body)
  if status ~= 200 then attempt = nil; step = 0; return end
  attempt = string.match(body, "%d+")
  step = (step + 1) % 3
end
"""


class Measured(NamedTuple):
    """One run of wrk: requests a second, milliseconds, and answers that were no success."""

    rate: float
    p50: float
    p99: float
    requests: int
    failures: int


def require() -> None:
    """
    Find wrk.

    :raises SystemExit: it is not installed
    """
    if shutil.which("wrk") is None:
        raise SystemExit(MISSING)


def script_for_one(file: Path, method: str, headers: Mapping[str, str], body: Any = None) -> Path:
    """Write the Lua script that makes the same request again and again."""
    text = "" if body is None else json.dumps(body)
    lines = "\n".join(f"wrk.headers[{json.dumps(name)}] = {json.dumps(value)}" for name, value in headers.items())
    file.write_text(_ONE_REQUEST.format(method=json.dumps(method), body=_lua(text), headers=lines))
    return file


def script_for_flow(file: Path, tokens: Path, exam_id: int, threads: int) -> Path:
    """Write the Lua script in which one learner after another creates, starts and submits an attempt."""
    file.write_text(_FLOW.format(tokens=json.dumps(str(tokens)), exam=exam_id, threads=threads))
    return file


def run(url: str, script: Path, *, seconds: int, connections: int, threads: int = 1) -> Measured:
    """
    Make requests for some seconds, each connection one after the other.

    :raises RuntimeError: wrk failed
    """
    command = ["wrk", "-t", str(threads), "-c", str(connections), "-d", f"{seconds}s", "--timeout", "30s", "--latency"]
    done = subprocess.run([*command, "-s", str(script), url], capture_output=True, text=True, timeout=seconds + 60)
    if done.returncode != 0:
        raise RuntimeError(f"wrk failed: {done.stdout}{done.stderr}")
    out = done.stdout
    latency = {mark: float(value) * _MILLISECONDS[unit] for mark, value, unit in _LATENCY.findall(out)}
    refused = sum(int(count or 1) for count, _ in _REFUSED.findall(out))
    rate, total = _RATE.search(out), _TOTAL.search(out)
    if rate is None or total is None:
        raise RuntimeError(f"wrk said nothing that could be read: {out}")
    return Measured(float(rate[1]), latency["50"], latency["99"], int(total[1]), refused)


def _lua(text: str) -> str:
    """A Lua long string, which needs no escapes."""
    return f"[==[{text}]==]"
