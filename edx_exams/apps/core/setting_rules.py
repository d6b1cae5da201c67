# SPDX-License-Identifier: AGPL-3.0-only
"""Rules for the values of settings, as data: each app's checks hold a table of rules."""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, NamedTuple
from urllib.parse import urlsplit

from django.conf import settings
from django.core.checks import CheckMessage, Error
from django.utils.module_loading import import_string

#: What stands in examples where a value must be put.
_PLACEHOLDER: Final = re.compile(r"(?<![a-z])(replace|change|set)[-_ ]?me(?![a-z])|\u2026|^\W*$", re.IGNORECASE)
_PLACEHOLDER_ALONE: Final = re.compile(r"(replace|change|set)[-_ ]?me([-_ ]please)?|\u2026", re.IGNORECASE)
_DIGITS: Final = re.compile(r"[-+]?[0-9]{1,9}(\.[0-9]{1,9})?")
_HOST: Final = re.compile(r"[A-Za-z0-9_.\-]+|\[[0-9A-Fa-f:.]+\]")
_MISSING: Final = object()


class Rule(NamedTuple):
    """A condition that a setting's value must meet, and the words for one that does not."""

    accepts: Callable[[Any], bool]
    expected: str

    def or_none(self) -> "Rule":
        """Accept None too."""
        return Rule(lambda value: value is None or self.accepts(value), f"{self.expected}, or None")

    def or_absent(self) -> "Rule":
        """Accept that the setting, or the key of the dictionary, is not there."""
        return Rule(lambda value: value is _MISSING or self.accepts(value), self.expected)


def whole_number(low: int, high: int) -> Rule:
    """Accept a whole number within bounds, both included."""
    return Rule(lambda value: type(value) is int and low <= value <= high, f"a whole number from {low} to {high}")


def seconds(low: float, high: float) -> Rule:
    """Accept a number of seconds within bounds, both included."""
    return Rule(
        lambda value: isinstance(value, (int, float)) and not isinstance(value, bool) and low <= value <= high,
        f"a number of seconds from {low} to {high}",
    )


def one_of(*values: str) -> Rule:
    """Accept one of a few words."""
    return Rule(lambda value: value in values, f"one of {', '.join(values)}")


def list_of(item: Rule) -> Rule:
    """Accept a list or tuple, each item of which another rule accepts."""
    return Rule(
        lambda value: isinstance(value, (list, tuple)) and all(item.accepts(each) for each in value),
        f"a list, each item {item.expected}",
    )


def mapping_of(item: Rule) -> Rule:
    """Accept a mapping with names as keys, each value of which another rule accepts."""
    return Rule(
        lambda value: (
            isinstance(value, dict) and all(isinstance(key, str) and item.accepts(each) for key, each in value.items())
        ),
        f"a mapping of names, each to {item.expected}",
    )


def like(default: object) -> Rule | None:
    """
    Return a rule that accepts values of the type of a setting's default; None where the default is no guide.

    Django takes text for several of its settings where its own default is of another type, so text is no guide.
    """
    match default:
        case bool():
            return FLAG
        case int():
            return Rule(lambda value: type(value) is int, "a whole number")
        case list() | tuple():
            return Rule(lambda value: isinstance(value, (list, tuple)), "a list")
        case dict():
            return MAPPING
        case _:
            return None


def is_placeholder(value: str) -> bool:
    """Tell a value of an example that nobody replaced."""
    return bool(_PLACEHOLDER.search(value.strip()))


def placeholders_in(name: str, value: object) -> Iterator[str]:
    """
    Yield the names of the placeholders within a setting: `DATABASES['default']['PASSWORD']`.

    :param name: of the setting
    """
    if isinstance(value, str) and _PLACEHOLDER_ALONE.fullmatch(value.strip()):
        yield name
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield from placeholders_in(f"{name}[{key!r}]", item)
    elif isinstance(value, (list, tuple)):
        for place, item in enumerate(value):
            yield from placeholders_in(f"{name}[{place}]", item)


def is_url(value: object) -> bool:
    """Tell an absolute HTTP URL with a host, without blanks, credentials or a placeholder."""
    if not isinstance(value, str) or value != value.strip() or re.search(r"\s", value) or is_placeholder(value):
        return False
    try:
        parts = urlsplit(value)
        host, _ = parts.hostname, parts.port
    except ValueError:
        return False
    return parts.scheme in {"http", "https"} and bool(host) and "@" not in parts.netloc


def is_origin(value: object) -> bool:
    """Tell an URL of scheme, host and port alone; its host may begin with `*.`."""
    if not isinstance(value, str):
        return False
    plain = value.replace("://*.", "://", 1)
    parts = urlsplit(plain) if is_url(plain) else None
    return parts is not None and not (parts.path or parts.query or parts.fragment)


def _is_importable(value: str) -> bool:
    try:
        import_string(value)
    except (ImportError, AttributeError, ValueError):
        return False
    return True


FLAG: Final = Rule(lambda value: isinstance(value, bool), "True or False")
TEXT: Final = Rule(lambda value: isinstance(value, str) and not is_placeholder(value), "text, and not a placeholder")
ANY_TEXT: Final = Rule(lambda value: isinstance(value, str), "text")
MAPPING: Final = Rule(lambda value: isinstance(value, dict), "a mapping")
URL: Final = Rule(is_url, "an absolute URL such as https://host.example.org")
ORIGIN: Final = Rule(is_origin, "an origin such as https://host.example.org, without a path or a slash at its end")
HOST: Final = Rule(lambda value: isinstance(value, str) and bool(_HOST.fullmatch(value)), "a host name or address")
DOTTED_NAME: Final = Rule(
    lambda value: isinstance(value, str) and _is_importable(value),
    "the dotted name of an object in a package that is installed",
)


def value_of(name: str) -> object:
    """
    Return a setting's value; of `JWT_AUTH.JWT_LEEWAY`, that of a key of the dictionary.

    What is not there is an object that no rule but `or_absent` accepts.
    """
    first, _, key = name.partition(".")
    value = getattr(settings, first, _MISSING)
    if not key:
        return value
    return value.get(key, _MISSING) if isinstance(value, Mapping) else _MISSING


def is_set(name: str) -> bool:
    """Tell a setting, or a key of one, that has a value other than None."""
    return value_of(name) not in (None, _MISSING)


def in_words(name: str) -> str:
    """Return a setting's name as it stands in a settings file: `JWT_AUTH['JWT_LEEWAY']`."""
    first, _, key = name.partition(".")
    return f"{first}['{key}']" if key else first


def violations(rules: Mapping[str, Rule], *, id: str) -> Iterator[CheckMessage]:  # noqa: A002  (the framework's name)
    """
    Yield an error for each setting whose value its rule does not accept.

    :param rules: by the setting's name, as `value_of` takes it
    :param id: of the errors, such as `edx_exams.E020`
    """
    for name, rule in rules.items():
        if not rule.accepts(value := value_of(name)):
            yield Error(f"{in_words(name)} must be {rule.expected}; it is {_described(value)}.", id=id)


def _described(value: object) -> str:
    """Describe a value without showing text: it might be a secret in the wrong place."""
    if value is _MISSING:
        return "not set"
    if value is None or isinstance(value, (bool, int, float)):
        return repr(value)
    if isinstance(value, str):
        return repr(value) if _DIGITS.fullmatch(value) else "a placeholder" if is_placeholder(value) else "other text"
    return f"a value of type {type(value).__name__}"
