# SPDX-License-Identifier: AGPL-3.0-only
"""Rendering of answers."""

from collections.abc import Mapping
from typing import Any, Final, override

import orjson
from rest_framework import renderers
from rest_framework.utils.encoders import JSONEncoder

_to_plain_value: Final = JSONEncoder().default


class JSONRenderer(renderers.JSONRenderer):
    """REST framework's JSON, written by orjson in a tenth of the time."""

    @override
    def render(
        self, data: Any, accepted_media_type: str | None = None, renderer_context: Mapping[str, Any] | None = None
    ) -> bytes:
        """Return the answer's body. What orjson cannot write, such as a number of more than 64 bits, is left to DRF."""
        if data is None:
            return b""
        try:
            return orjson.dumps(data, default=_to_plain_value, option=orjson.OPT_UTC_Z)
        except orjson.JSONEncodeError:
            return super().render(data, accepted_media_type, renderer_context)
