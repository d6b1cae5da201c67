# SPDX-License-Identifier: AGPL-3.0-only
"""Files that deploy the service: containers, scripts, the settings that operators copy. Run by `make test-tutor`."""
