# SPDX-License-Identifier: AGPL-3.0-only
"""The package edx_exams: the service without its sandbox and tests."""

import re
from pathlib import Path

from setuptools import find_packages, setup

ROOT = Path(__file__).parent


def version() -> str:
    """Return the version that the package itself tells."""
    found = re.search(r'^__version__ = "([^"]+)"$', (ROOT / "edx_exams/__init__.py").read_text(), re.MULTILINE)
    if not found:
        raise RuntimeError('edx_exams/__init__.py has no line __version__ = "..."')
    return found[1]


def requirements(name: str) -> list[str]:
    """Return the requirements of one .in file, without comments and references to other files."""
    lines = (line.split(" #")[0].strip() for line in (ROOT / "requirements" / f"{name}.in").read_text().splitlines())
    return [line for line in lines if line and not line.startswith(("#", "-"))]


setup(
    name="edx-exams",
    version=version(),
    description="Special exams for the Open edX platform: timed, proctored and practice",
    long_description=(ROOT / "README.rst").read_text(),
    long_description_content_type="text/x-rst",
    license="AGPL-3.0-only",
    license_files=["LICENSE.txt"],
    python_requires=">=3.12",
    packages=find_packages(include=["edx_exams", "edx_exams.*"]),
    package_data={
        "edx_exams": [
            "templates/**/*",
            "static/**/*",
            "static/.gitkeep",  # STATICFILES_DIRS names the directory, empty or not
            "conf/locale/*/LC_MESSAGES/*",
            "apps/*/templates/**/*",
            "apps/*/static/**/*",
        ]
    },
    install_requires=requirements("base"),
    entry_points={"console_scripts": ["edx-exams = edx_exams.__main__:main"]},
    extras_require={"production": requirements("production")},
    classifiers=[
        "Development Status :: 4 - Beta",
        "Environment :: Web Environment",
        "Framework :: Django",
        "Framework :: Django :: 5.2",
        "Intended Audience :: Education",
        "Intended Audience :: System Administrators",
        "Operating System :: POSIX",
        "Programming Language :: Python :: 3",
        "Programming Language :: Python :: 3.12",
        "Programming Language :: Python :: 3.13",
        "Topic :: Education :: Testing",
    ],
)
