"""Text that others send us: what of it a database can look up and hold."""

from typing import TypeGuard


def is_text(value: object, longest: int, *, allow_empty: bool = False) -> TypeGuard[str]:
    """
    Tell whether this is text, of at most so many characters, that can be encoded: JSON may hold lone surrogates.

    :param longest: characters
    """
    if not isinstance(value, str) or (not value and not allow_empty) or len(value) > longest:
        return False
    return "\0" not in value and not any("\ud800" <= character <= "\udfff" for character in value)
