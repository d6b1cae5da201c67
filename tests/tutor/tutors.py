# SPDX-License-Identifier: AGPL-3.0-only
"""Tutor, installed beside us with our plugin, and what it renders."""

import json
import os
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import yaml

REPOSITORY: Final = Path(__file__).resolve().parents[2]
#: Where `make test-tutor` installs each release.
ENVIRONMENTS: Final = REPOSITORY / "var" / "tutor"
COMPOSE_FILES: Final = (
    "local/docker-compose.yml",
    "local/docker-compose.prod.yml",
    "local/docker-compose.jobs.yml",
    "dev/docker-compose.yml",
    "dev/docker-compose.jobs.yml",
)
MANIFESTS: Final = ("k8s/deployments.yml", "k8s/jobs.yml", "k8s/services.yml", "k8s/volumes.yml", "k8s/namespace.yml")

_RENDER_TASKS: Final = """
import json, sys
from tutor import config, env, hooks
hooks.Actions.CORE_READY.do()
hooks.Actions.PROJECT_ROOT_READY.do(sys.argv[1])
settings = config.load_full(sys.argv[1])
tasks = [(service, env.render_str(settings, task)) for service, task in hooks.Filters.CLI_DO_INIT_TASKS.iterate()]
json.dump([task for task in tasks if "exams" in task[1]], sys.stdout)
"""


@dataclass(frozen=True, eq=False)
class Site:
    """
    The files that Tutor rendered for one configuration.

    :param release: of Tutor, `21` or `22`
    :param root: Tutor's project root
    """

    release: str
    root: Path
    settings: Mapping[str, Any]

    @property
    def environment(self) -> Path:
        """Directory of the rendered files."""
        return self.root / "env"

    @property
    def plugin(self) -> Path:
        """Directory of our plugin's files."""
        return self.environment / "plugins" / "edx-exams"

    @cached_property
    def configuration(self) -> dict[str, Any]:
        """Tutor's `config.yml`, secrets included."""
        return dict(yaml.safe_load((self.root / "config.yml").read_text()))

    @property
    def https(self) -> bool:
        """The platform is served with TLS."""
        return bool(self.settings.get("ENABLE_HTTPS"))

    @property
    def has_mfes(self) -> bool:
        """The plugin `mfe` is enabled."""
        return "mfe" in self.settings["PLUGINS"]

    def documents(self, path: str) -> list[Any]:
        """Return the YAML documents of a rendered file."""
        return [document for document in yaml.safe_load_all((self.environment / path).read_text()) if document]

    def manifests(self, kind: str | None = None) -> Iterator[dict[str, Any]]:
        """Return the Kubernetes manifests, of one kind or all."""
        for path in MANIFESTS:
            for manifest in self.documents(path):
                if kind in {None, manifest["kind"]}:
                    yield manifest

    def tasks(self) -> list[tuple[str, str]]:
        """Return our start-up tasks: service and shell script."""
        python = ENVIRONMENTS / self.release / "bin" / "python"
        done = subprocess.run([python, "-c", _RENDER_TASKS, str(self.root)], capture_output=True, text=True, check=True)
        return [(service, task) for service, task in json.loads(done.stdout)]


def save(release: str, root: Path, settings: Mapping[str, Any]) -> Site:
    """Run `tutor config save` for a configuration."""
    root.mkdir()
    (root / "config.yml").write_text(yaml.safe_dump(dict(settings)))
    run(release, root, "config", "save")
    return Site(release, root, settings)


def run(release: str, root: Path, *arguments: str) -> str:
    """Run Tutor; a warning about a plugin is a failure."""
    tutor = ENVIRONMENTS / release / "bin" / "tutor"
    environment = {**os.environ, "TUTOR_ROOT": str(root), "TUTOR_PLUGINS_ROOT": str(root / "plugins")}
    done = subprocess.run([tutor, *arguments], env=environment, capture_output=True, text=True)
    output = done.stdout + done.stderr
    assert done.returncode == 0, output
    assert "Failed" not in output, output
    return output
