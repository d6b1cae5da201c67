# SPDX-License-Identifier: AGPL-3.0-only
"""A connection to the mail server, and its errors without their words, which may quote addresses."""

import smtplib
import time
from contextlib import suppress
from typing import Any, Final

from django.core.mail import EmailMessage, get_connection

from edx_exams.apps.events.privacy import describe

#: Seconds without an e-mail after which the connection is closed, before the server does so.
_IDLE_SECONDS: Final = 2.0
#: E-mails sent over one connection; many servers allow a limited number.
_EMAILS_PER_CONNECTION: Final = 50
#: Replies of RFC 5321, section 4.2.3, that refuse this recipient or message for good. Others of class 5, as for a
#: missing log-in or bad syntax, are about the configuration, and the same e-mail may be sent later.
_PERMANENT_REPLIES: Final = range(550, 560)


class EmailNotSent(Exception):
    """The e-mail was not accepted; later it may be. The text is the error's class and code."""


class EmailRefused(EmailNotSent):
    """This e-mail was refused for good. Others can be sent."""


class MailServerUnavailable(EmailNotSent):
    """There is no connection to the mail server, or it refuses the log-in: no e-mail can be sent."""


class MailServer:
    """One connection of `EMAIL_BACKEND`, opened when it is needed and kept while there is something to send."""

    def __init__(self) -> None:
        self._connection: Any = None
        self._used_at = 0.0
        self._sent = 0

    def send(self, message: EmailMessage) -> None:
        """
        Send an e-mail.

        :raises EmailNotSent: it was not accepted
        """
        self._open()
        try:
            accepted = self._connection.send_messages([message])
        except (smtplib.SMTPRecipientsRefused, smtplib.SMTPDataError) as error:  # the session goes on
            raise (EmailRefused if _is_permanent(error) else EmailNotSent)(code_of(error)) from None
        except (ValueError, smtplib.SMTPNotSupportedError) as error:  # an address that cannot be encoded
            self.close()
            raise EmailRefused(code_of(error)) from None
        except Exception as error:  # noqa: BLE001  (a backend and its library raise anything)
            self.close()
            raise EmailNotSent(code_of(error)) from None
        if not accepted:
            message_without_reason = "not accepted"
            raise EmailNotSent(message_without_reason)
        self._sent += 1
        self._used_at = time.monotonic()
        if self._sent >= _EMAILS_PER_CONNECTION:
            self.close()

    def close_if_idle(self) -> None:
        """Close a connection that has not been used for a while."""
        if self._connection is not None and time.monotonic() - self._used_at > _IDLE_SECONDS:
            self.close()

    def close(self) -> None:
        """Close the connection, if there is one."""
        connection, self._connection, self._sent = self._connection, None, 0
        if connection is not None:
            with suppress(Exception):  # the server may be gone
                connection.close()

    def _open(self) -> None:
        if self._connection is not None:
            return
        try:
            connection = get_connection()
            connection.open()
        except Exception as error:  # noqa: BLE001  (the same)
            raise MailServerUnavailable(code_of(error)) from None
        self._connection, self._used_at = connection, time.monotonic()


def code_of(error: Exception) -> str:
    """Return the class of an error and the reply code of the mail server."""
    replies = _replies(error)
    return f"{type(error).__name__} {replies[0]}" if replies else describe(error)


def _is_permanent(error: smtplib.SMTPRecipientsRefused | smtplib.SMTPDataError) -> bool:
    replies = _replies(error)
    return bool(replies) and all(reply in _PERMANENT_REPLIES for reply in replies)


def _replies(error: Exception) -> list[int]:
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        return [reply for reply, _ in error.recipients.values()]
    return [error.smtp_code] if isinstance(error, smtplib.SMTPResponseException) else []
