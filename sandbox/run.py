# SPDX-License-Identifier: AGPL-3.0-only
"""
``python -m sandbox.run``: the exam service and a stand-in LMS on this computer, ended together by Ctrl-C.

This file alone has to be readable for an old Python, so that its reader gets a sentence and not a syntax error.
"""

import sys

OLDEST_PYTHON = (3, 12)


def main() -> int:
    """
    Start the sandbox and stay until it is stopped.

    :returns: the exit code: 0 after Ctrl-C or SIGTERM, 1 if it could not start or one of its processes died
    """
    if sys.version_info < OLDEST_PYTHON:
        sys.stderr.write("The sandbox needs Python 3.12 or newer; this is %d.%d.\n" % sys.version_info[:2])  # noqa: UP031
        return 1
    from sandbox.session import run_sandbox  # noqa: PLC0415  (an old Python must not get to read it)

    return run_sandbox()


if __name__ == "__main__":
    sys.exit(main())
