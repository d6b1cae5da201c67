# SPDX-License-Identifier: AGPL-3.0-only
"""The kinds of allowances, and what each of them may be worth."""

from decimal import Decimal
from enum import StrEnum
from typing import Final

MIN_MULTIPLIER: Final = Decimal(1)
MAX_MULTIPLIER: Final = Decimal(10)
#: Characters of the words for the proctor.
MAX_REVIEW_EXCEPTION_LENGTH: Final = 4_096


class AllowanceType(StrEnum):
    """Kinds of allowances. The two of time replace each other; a review exception stands beside them."""

    #: Whole minutes, 0 or more.
    ADDITIONAL_TIME = "additional_time_granted"
    #: A number from 1 to 10 with two decimals: the exam's limit times this, as the limit is when it counts.
    TIME_MULTIPLIER = "time_multiplier"
    #: Words that the proctoring tool is given at launch.
    REVIEW_POLICY_EXCEPTION = "review_policy_exception"


ALLOWANCE_TYPE_CHOICES: Final = tuple((kind.value, kind.value) for kind in AllowanceType)
TIME_TYPES: Final = (AllowanceType.ADDITIONAL_TIME, AllowanceType.TIME_MULTIPLIER)

#: Minutes, a multiplier, or words: by the type.
AllowanceValue = int | Decimal | str
