"""How a process that cannot start says so: one line that names the setting and the cause, and no traceback."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from django.core.exceptions import ImproperlyConfigured
from django.core.management.base import SystemCheckError
from django.db.utils import OperationalError
from openedx_events.exceptions import ProducerConfigurationError

#: Errors of MySQL and MariaDB before a connection is made: refused account, unknown database, unreachable server.
_CANNOT_CONNECT: Final = frozenset({1044, 1045, 1049, 1130, 1698, 2002, 2003, 2005, 2026, 2059})


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
    except OperationalError as error:
        if not (error.args and error.args[0] in _CANNOT_CONNECT):
            raise
        code, text = error.args[0], error.args[-1]
        reason = f"DATABASES: there is no connection to the database: {text} ({code})"
    else:
        return
    sys.stderr.write(f"edx-exams: {reason}\n")
    sys.exit(exit_code)
