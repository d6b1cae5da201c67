# SPDX-License-Identifier: AGPL-3.0-only
"""The reasons for which a proctoring tool ends an assessment: the codes of 1EdTech Proctoring Services, in words."""

from typing import Final

REASONS: Final = {
    "0": "Disconnected from proctoring",
    "1": "Submitted by user",
    "2": "Navigated away from the assessment",
    "4": "Left the exam in full screen",
    "5": "Ended the screen recording",
    "6": "Uninstalled the browser extension",
    "7": "Switched to a proxy",
    "8": "Changed networks",
    "9": "Closed or reloaded the exam tab",
    "12": "Attempted to modify the exam page",
    "13": "Attempted a download",
    "14": "Device battery died",
    "15": "Plugged in further monitors",
    "16": "Unplugged camera or microphone",
    "21": "Page became unresponsive",
    "24": "Revoked microphone permission",
    "25": "Revoked camera permission",
}


def reason_text(code: str | None) -> str | None:
    """The words of a reason code, or the code itself where nobody knows it."""
    return REASONS.get(code, code) if code is not None else None
