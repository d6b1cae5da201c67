# SPDX-License-Identifier: AGPL-3.0-only
"""Settings: `base` holds what environments share; `local`, `devstack`, `production` and `test` say what differs."""
