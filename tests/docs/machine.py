# SPDX-License-Identifier: AGPL-3.0-only
"""
A machine to follow the how-tos on: the programs are real, in places of their own under one directory.

What would change the machine that the tests run on is stood in for: `systemctl` starts what a unit's `ExecStart` says,
`editor` puts the printed values and the platform's into the settings, `apt-get`, `adduser` and `git` do nothing.
"""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

from tests.docs.blocks import Block, commands
from tests.services.mariadb import MariaDB
from tests.services.ports import HOST, free_port
from tests.services.redis import Redis

ROOT: Final = Path(__file__).resolve().parents[2]
PASSWORD: Final = "correct-horse-battery"
#: For a whole page on a machine that is busy with other things.
SECONDS: Final = 900

#: Directories of the how-tos that are another's here.
_PLACES: Final = (
    "/opt/edx-exams",
    "/etc/edx-exams",
    "/etc/systemd/system",
    "/etc/nginx/sites-enabled",
    "/etc/ssl/private",
    "/etc/ssl/certs",
    "/var/backups/edx-exams",
)
#: Beginnings of variables that the shell does not inherit from whoever runs the tests.
_OF_OTHERS: Final = ("COV_", "DB_", "DJANGO", "EDITOR", "EDX_EXAMS", "EXAMS_TEST", "PYTHON", "VIRTUAL_ENV")
_NGINX: Final = """
worker_processes 1; pid {root}/nginx.pid; error_log {root}/nginx.log;
events {{}}
http {{
    access_log off;
    client_body_temp_path {root}/body; proxy_temp_path {root}/proxy; fastcgi_temp_path {root}/fastcgi;
    uwsgi_temp_path {root}/uwsgi; scgi_temp_path {root}/scgi;
    include {root}/etc/nginx/sites-enabled/*;
}}
"""


def copy_checkout(directory: Path) -> None:
    """Copy what is under version control, or would be: a clone with the changes of today."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, capture_output=True, check=True,
    )  # fmt: skip
    for name in filter(None, listed.stdout.decode().split("\0")):
        if (ROOT / name).is_file():
            copy = directory / name
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, copy)


class Machine:
    """
    A clean directory, a database server, a Redis, a shell.

    :param root: an empty directory
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.mariadb, self.redis = MariaDB(root / "m"), Redis(root)
        self.port, upstream = free_port(), free_port()
        self.url = f"https://localhost:{self.port}"
        self.log = root / "session.log"
        #: Where the shell is: beside the clone until it was made.
        self.directory, self.clone = root, root / "edx-exams"
        self._replaced = {
            **{place: f"{root}{place}" for place in _PLACES},
            "/usr/local/src/edx-exams": str(self.clone),
            "https://exams.example.org/": f"{self.url}/",
            f"{HOST}:18740": f"{HOST}:{upstream}",
            "listen 443 ssl": f"listen {HOST}:{self.port} ssl",
            "CN=exams.example.org": "CN=localhost",
            "DNS:exams.example.org": "DNS:localhost",
            "WEB_CONCURRENCY=4": "WEB_CONCURRENCY=1",
        }

    @property
    def certificate(self) -> str:
        """The file of the certificate that the how-to makes."""
        return f"{self.root}/etc/ssl/certs/exams.example.org.pem"

    def start(self, platform: Mapping[str, Any]) -> None:
        """
        Start the servers that a Debian has from its packages.

        :param platform: settings that an operator has from the platform, merged into the file
        """
        for place in _PLACES[2:6]:
            Path(f"{self.root}{place}").mkdir(parents=True)
        self.mariadb.start()
        self.redis.start()
        (self.root / "nginx.conf").write_text(_NGINX.format(root=self.root))
        self.tell_editor(platform)
        (self.root / ".my.cnf").write_text(f"[client]\nsocket={self.mariadb.socket}\nuser=root\n")
        self._check_out()
        self._stand_in()

    def tell_editor(self, settings: Mapping[str, Any]) -> None:
        """Say which settings the operator puts into the file at the next time it is edited."""
        (self.root / "platform.json").write_text(json.dumps(settings))

    def stop(self) -> None:
        """End what is running, by its pid."""
        running = list((self.root / "run").glob("*.pid"))
        for file in running:
            terminate(int(file.read_text()))
        for file in running:
            end(file)
        self.redis.stop()
        self.mariadb.stop()

    def follow(self, page: str, section: str | None = None) -> str:
        """
        Enter a page's commands, one after the other in one shell.

        :param page: its name under docs/how-tos
        :param section: only those under this title
        :returns: what was printed
        """
        return self.enter(commands(self.clone / "docs" / "how-tos" / page, section))

    def enter(self, entered: Iterable[Block]) -> str:
        """Enter these blocks in one shell, which ends at the first command that fails."""
        script = self.root / "session.sh"
        script.write_text(
            "".join(f"echo '#### {block.page.name}, line {block.line}'\n{self.here(block.text)}" for block in entered)
        )
        began = self.log.stat().st_size if self.log.exists() else 0
        with self.log.open("ab") as log:
            done = subprocess.run(
                ["bash", "-eu", script],
                cwd=self.directory, env=self.environment, input=f"{PASSWORD}\n".encode(), stdout=log, stderr=log,
                timeout=SECONDS,
            )  # fmt: skip
        said = self.log.read_bytes()[began:].decode(errors="replace")
        assert done.returncode == 0, f"{said[-4000:]}\n{self.journal()[-4000:]}"
        return said

    def systemctl(self, verb: str, *units: str) -> None:
        """Tell the service manager, from outside of any page."""
        subprocess.run([self.root / "bin" / "systemctl", verb, *units], env=self.environment, check=True)

    def here(self, text: str) -> str:
        """Return a text of the how-tos with this machine's places in it."""
        for place, ours in self._replaced.items():
            text = text.replace(place, ours)
        return text

    def journal(self, unit: str = "*") -> str:
        """Return what the processes have written."""
        return "\n".join(file.read_text(errors="replace") for file in sorted((self.root / "run").glob(f"{unit}.log")))

    @property
    def environment(self) -> dict[str, str]:
        """Environment of the operator's shell."""
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(_OF_OTHERS)}
        return {
            **inherited,
            "PATH": f"{self.root / 'bin'}:{Path(sys.base_prefix) / 'bin'}:{os.environ['PATH']}",
            "HOME": str(self.root),
            "PIP_NO_COMPILE": "1",  # half of the time that pip takes
        }

    def _check_out(self) -> None:
        copy_checkout(self.clone)
        how_tos = self.clone / "docs" / "how-tos"
        for file in (*how_tos.glob("systemd/*"), *how_tos.glob("proxies/*")):
            file.write_text(self.here(file.read_text()))

    def _stand_in(self) -> None:
        """Put the stand-ins where the shell looks first."""
        (self.root / "bin").mkdir()
        (self.root / "run").mkdir()
        nginx = shutil.which("nginx", path="/usr/sbin:/usr/bin")
        programs = {
            "apt-get": "exit 0",
            "git": '[ "$1" = clone ] || [ "$1" = pull ]',  # it is there already
            "adduser": "exit 0",
            "chgrp": "exit 0",
            "editor": f'cd {ROOT} && exec {sys.executable} -m tests.docs.editor {self.root} "$@"',
            "systemctl": f'cd {ROOT} && exec {sys.executable} -m tests.docs.systemctl {self.root} "$@"',
            "nginx": f'exec {nginx} -p {self.root} -c {self.root}/nginx.conf "$@"',
        }
        for name, command in programs.items():
            program = self.root / "bin" / name
            program.write_text(f"#!/bin/sh\n{command}\n")
            program.chmod(0o755)


def end(file: Path) -> None:
    """End the process whose id is in a file, and wait until it has gone."""
    pid = int(file.read_text())
    file.unlink()
    terminate(pid)
    deadline = time.monotonic() + 45
    while is_running(pid):
        assert time.monotonic() < deadline, f"process {pid} does not end"
        time.sleep(0.05)


def terminate(pid: int) -> None:
    """Send SIGTERM; a process that has gone already needs none."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGTERM)


def is_running(pid: int) -> bool:
    """Check for such a process; one that has ended and waits for its parent is none."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"
