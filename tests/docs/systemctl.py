# SPDX-License-Identifier: AGPL-3.0-only
"""`systemctl` of a machine of the tests: starts and ends what the units name, without a service manager."""

import os
import shlex
import subprocess
import sys
from configparser import ConfigParser
from pathlib import Path

from tests.docs.machine import end


def main(root: Path, verb: str, *names: str) -> None:
    """Do what the verb says to each unit."""
    for name in names:
        if name.startswith("-"):
            continue
        pid = root / "run" / f"{name}.pid"
        if verb in ("restart", "stop", "reload") and pid.exists():
            end(pid)
        if verb != "stop" and not pid.exists():
            start(root, name, pid)


def start(root: Path, name: str, pid: Path) -> None:
    """Start a unit's process; its output is its journal."""
    environment = dict(os.environ)
    if name == "nginx":
        command = [str(root / "bin" / "nginx"), "-g", "daemon off;"]
    else:
        template, at, instance = name.partition("@")
        unit = ConfigParser(strict=False, interpolation=None)
        unit.optionxform = str  # type: ignore[assignment,method-assign]  # systemd's names have capitals
        unit.read(root / "etc/systemd/system" / f"{template}{at}.service")
        service = unit["Service"]
        command = shlex.split(service["ExecStart"].replace("%i", instance))
        lines = Path(service["EnvironmentFile"]).read_text().splitlines()
        # A service manager hands on nothing of an operator's shell.
        environment = {"PATH": os.environ["PATH"], **dict(line.split("=", 1) for line in lines)}
    with (root / "run" / f"{name}.log").open("ab") as journal:
        process = subprocess.Popen(
            command, cwd="/", env=environment, stdin=subprocess.DEVNULL, stdout=journal, stderr=journal,
            start_new_session=True,
        )  # fmt: skip
    pid.write_text(str(process.pid))


if __name__ == "__main__":
    main(Path(sys.argv[1]), *sys.argv[2:])
