#!/bin/sh
# SPDX-License-Identifier: AGPL-3.0-only
# Sets up a service that runs on this host (make migrate, then manage.py runserver 18740) beside a running devstack: the superuser
# here, the worker account and the OAuth2 clients in the LMS. May be run again.
set -eu
cd "$(dirname "$0")"
# shellcheck source=scripts/provision-lms
. scripts/provision-lms

python=.venv/bin/python
[ -x "$python" ] || python=python3
provision_superuser "$python" manage.py
provision_lms
