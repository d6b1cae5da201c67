# SPDX-License-Identifier: AGPL-3.0-only
"""The message of a process that cannot start: one line that names the setting and the cause, and no traceback."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from django.core.exceptions import ImproperlyConfigured
from django.core.management.base import SystemCheckError
from django.db.utils import InterfaceError, OperationalError
from openedx_events.exceptions import ProducerConfigurationError

from edx_exams.apps.core.outages import connection_fault


@contextmanager
def wrong_settings_in_one_line(exit_code: int) -> Iterator[None]:
    """
    End the process with this code where settings are wrong or the database lets nobody in.

    :param exit_code: of the process, not 0
    """
    try:
        yield
    except (ImproperlyConfigured, SystemCheckError) as error:
        reason = str(error)
    except ProducerConfigurationError as error:
        reason = f"EVENT_BUS_PRODUCER_CONFIG: {error}"
    except (OperationalError, InterfaceError) as error:
        if (fault := connection_fault(error)) is None:
            raise
        reason = fault
    else:
        return
    sys.stderr.write(f"edx-exams: {reason}\n")
    sys.exit(exit_code)
