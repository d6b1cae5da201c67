# SPDX-License-Identifier: AGPL-3.0-only
"""Files that Tutor renders are valid: YAML, compose files, Kubernetes manifests, shell, Dockerfile."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.tutor.tutors import COMPOSE_FILES, MANIFESTS, REPOSITORY, Site

BIN = REPOSITORY / ".venv" / "bin"


def checked(*command: str | Path, given: str | None = None) -> None:
    """Run a linter, whose complaints are the failure's text."""
    done = subprocess.run([*command], input=given, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_yaml_file_is_valid(site: Site) -> None:
    files = [path for pattern in ("*.yml", "*.yaml") for path in site.environment.rglob(pattern)]
    assert site.plugin / "apps" / "config" / "edx-exams.yml" in files
    for file in files:
        list(yaml.safe_load_all(file.read_text()))


def test_compose_files_follow_the_compose_specification(site: Site) -> None:
    files = [site.environment / name for name in COMPOSE_FILES]
    checked(BIN / "check-jsonschema", "--builtin-schema", "vendor.compose-spec", *files)


def test_manifests_are_valid(site: Site) -> None:
    checked(BIN / "kubernetes-validate", "--strict", *(site.environment / name for name in MANIFESTS))


@pytest.mark.parametrize("mode", ["local", "dev"])
def test_all_processes_run(site: Site, mode: str) -> None:
    [compose] = site.documents("local/docker-compose.yml")
    [overlay] = site.documents(f"{mode}/docker-compose.yml")
    commands = {name: service.get("command") for name, service in compose["services"].items() if "exams" in name}
    assert set(commands) == {
        "edx-exams",
        "edx-exams-relay",
        "edx-exams-sweep",
        "edx-exams-consumer",
        "edx-exams-lms-consumer",
    }
    assert "learning-exam-attempt-lifecycle" in commands["edx-exams-lms-consumer"]
    if mode == "dev":
        settings = {
            name: service["environment"]["DJANGO_SETTINGS_MODULE"]
            for name, service in overlay["services"].items()
            if "exams" in name and name != "exams-dashboard"
        }
        assert settings.keys() == commands.keys()
        assert all(module.endswith(".development") for module in settings.values())


def test_the_cluster_runs_the_processes_that_compose_runs(site: Site) -> None:
    [compose] = site.documents("local/docker-compose.yml")
    services = {name: service for name, service in compose["services"].items() if "exams" in name}
    deployments = {
        manifest["metadata"]["name"]: manifest["spec"]["template"]["spec"]["containers"][0]
        for manifest in site.manifests("Deployment")
        if "exams" in manifest["metadata"]["name"]
    }
    assert {name: container.get("args") for name, container in deployments.items()} == {
        name: service.get("command") for name, service in services.items()
    }
    assert {name: container["image"] for name, container in deployments.items()} == {
        name: service["image"] for name, service in services.items()
    }


def test_whatever_a_pod_mounts_exists(site: Site) -> None:
    [kustomization] = site.documents("kustomization.yml")
    config_maps = {generator["name"] for generator in kustomization["configMapGenerator"]}
    secrets = {manifest["metadata"]["name"] for manifest in site.manifests("Secret")}
    for volume in volumes_of_pods(site):
        if "configMap" in volume:
            assert volume["configMap"]["name"] in config_maps
        if "secret" in volume:
            assert volume["secret"]["secretName"] in secrets
    for generator in kustomization["configMapGenerator"]:
        for file in generator["files"]:
            assert (site.environment / file.split("=")[-1]).is_file(), file


def volumes_of_pods(site: Site) -> list[dict[str, Any]]:
    """Return the volumes of our pods."""
    return [
        volume
        for kind in ("Deployment", "Job")
        for manifest in site.manifests(kind)
        if "exams" in manifest["metadata"]["name"]
        for volume in manifest["spec"]["template"]["spec"].get("volumes", [])
    ]


def test_no_secret_of_ours_is_in_a_config_map(site: Site) -> None:
    [kustomization] = site.documents("kustomization.yml")
    public = "".join(
        (site.environment / file.split("=")[-1]).read_text()
        for generator in kustomization["configMapGenerator"]
        for file in generator["files"]
    )
    config = yaml.safe_load((site.plugin / "apps" / "config" / "edx-exams.yml").read_text())
    signing_key = yaml.safe_load(config["TOKEN_SIGNING"]["JWT_PRIVATE_SIGNING_JWK"])
    secrets = [
        *(value for name, value in site.configuration.items() if name.startswith("EDX_EXAMS_") and "KEY_" not in name),
        *(signing_key[part] for part in ("d", "p", "q", "dp", "dq", "qi")),
    ]
    secrets = [secret for secret in secrets if isinstance(secret, str) and len(secret) > 8]
    assert len(secrets) >= 10
    assert not [secret[:4] for secret in secrets if secret in public]


def test_start_up_tasks_are_clean_shell(site: Site) -> None:
    tasks = site.tasks()
    assert [service for service, _ in tasks] == ["mysql", "lms", "edx-exams"]
    for _, script in tasks:
        checked(BIN / "shellcheck", "--shell=sh", "--exclude=SC2086", "-", given=script)


def test_the_lms_knows_our_four_clients(site: Site) -> None:
    [script] = [script for service, script in site.tasks() if service == "lms"]
    address = "https://exams.courses.example.org" if site.https else "http://exams.local.openedx.io"
    assert script.count("create_dot_application") == 4
    assert script.count("--grant-type authorization-code") == script.count("--grant-type client-credentials") == 2
    assert f'"{address}/complete/edx-oauth2/"' in script
    assert ':18740/complete/edx-oauth2/"' in script
    assert "--unusable-password" in script


def test_the_dockerfile_is_clean(site: Site) -> None:
    dockerfile = site.plugin / "build" / "edx-exams" / "Dockerfile"
    checked(BIN / "hadolint", dockerfile)
    assert dockerfile.read_text().count("a-package==1.0") == ("mfe" not in site.settings["PLUGINS"])


def test_the_proxy_serves_our_host(site: Site) -> None:
    caddyfile = (site.environment / "apps" / "caddy" / "Caddyfile").read_text()
    host = "exams.courses.example.org" if site.https else "exams.local.openedx.io"
    assert f"\n{host}{{$default_site_port}} {{" in caddyfile
    assert 'import proxy "edx-exams:18740"' in caddyfile


def upstreams_of_the_lms_site(site: Site) -> list[tuple[str, bool]]:
    """Return the servers asked on the LMS's host, in Caddy's order, each with whether only some paths lead there."""
    caddyfile = site.environment / "apps" / "caddy" / "Caddyfile"
    adapted = subprocess.run(
        ["caddy", "adapt", "--adapter", "caddyfile", "--config", caddyfile], capture_output=True, text=True
    )
    assert adapted.returncode == 0, adapted.stderr
    host = "courses.example.org" if site.https else "local.openedx.io"
    found: list[tuple[str, bool]] = []

    def collect(routes: list[dict[str, Any]]) -> None:
        for route in routes:
            for handler in route["handle"]:
                if handler["handler"] == "reverse_proxy":
                    found.extend((upstream["dial"], "match" in route) for upstream in handler["upstreams"])
                collect(handler.get("routes", []))

    for server in json.loads(adapted.stdout)["apps"]["http"]["servers"].values():
        collect([route for route in server["routes"] if {"host": [host]} in route.get("match", [])])
    return found


def test_the_proxy_routes_what_the_instructor_dashboard_asks_unless_switched_off(site: Site) -> None:
    ours = [] if site.settings.get("EDX_EXAMS_INSTRUCTOR_DASHBOARD") is False else [("edx-exams:18740", True)]
    assert upstreams_of_the_lms_site(site) == [*ours, ("lms:8000", False)]
