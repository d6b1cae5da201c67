# SPDX-License-Identifier: AGPL-3.0-only
"""The operator at the editor: puts into the settings what the commands have printed, and what the platform gave."""

import json
import re
import sys
from pathlib import Path
from typing import Any

import yaml


def printed(log: Path) -> dict[str, str]:
    """Return the settings that the commands have printed, the newest of each."""
    lines = re.findall(r"^([A-Z][A-Z_0-9]+: .+)$", log.read_text(), re.MULTILINE)
    return {name: value for line in lines for name, value in yaml.safe_load(line).items()}


def filled_in(settings: Any, values: dict[str, Any]) -> Any:
    """Return the settings with each value whose name is known, in whatever mapping it stands."""
    if isinstance(settings, list):
        return [filled_in(one, values) for one in settings]
    if not isinstance(settings, dict):
        return settings
    return {name: values[name] if name in values else filled_in(value, values) for name, value in settings.items()}


def main(root: Path, file: Path) -> None:
    """Edit a YAML file; others are right as they are."""
    if file.suffix == ".yml":
        values = {**printed(root / "session.log"), **json.loads((root / "platform.json").read_text())}
        file.write_text(yaml.safe_dump(filled_in(yaml.safe_load(file.read_text()), values)))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
