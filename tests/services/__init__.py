# SPDX-License-Identifier: AGPL-3.0-only
"""
Tests against what production runs on: a real database server, a real HTTP server, many requests at once.

They need MariaDB (``apt-get install mariadb-server libmariadb-dev pkg-config``) and ``requirements/services.txt``. They
carry the mark ``services``, start what they need on the loopback interface in a temporary directory, and end it again.
"""
