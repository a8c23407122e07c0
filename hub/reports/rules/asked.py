"""What a report is asked for: whole months, and a department or municipality."""

import re
from dataclasses import dataclass
from typing import Final

_MONTH: Final = re.compile(r"[12][0-9]{3}-(0[1-9]|1[0-2])")
_PLACE: Final = re.compile(r"[0-9]{2}([0-9]{3})?")


class WronglyAskedError(Exception):
    """The period or the place cannot be reported on; the text says why in one sentence."""


@dataclass(frozen=True)
class Asked:
    """A period and a place. They choose what is shown and never change a figure: see `small_counts`."""

    from_month: str | None = None
    """The first month, as `2021-02`; None: from the beginning."""
    to_month: str | None = None
    """The last month; None: to the end."""
    place: str | None = None
    """The DIVIPOLA code of a department (`08`) or a municipality (`08001`); None: everywhere."""

    def __post_init__(self) -> None:
        """Raise WronglyAskedError for what is no whole month, no place, or ends before it begins."""
        for month in (self.from_month, self.to_month):
            if month is not None and not _MONTH.fullmatch(month):
                raise WronglyAskedError("A report is of whole months, such as 2021-02.")
        if self.from_month and self.to_month and self.to_month < self.from_month:
            raise WronglyAskedError("A period ends after it begins.")
        if self.place is not None and not _PLACE.fullmatch(self.place):
            raise WronglyAskedError(
                "A place is the DIVIPOLA code of a department, such as 08, or of a municipality, such as 08001."
            )

    def covers(self, month: str, zone: str | None) -> bool:
        """Whether this month and municipality are asked for; a municipality that is not known is only everywhere."""
        return (
            (self.from_month is None or self.from_month <= month)
            and (self.to_month is None or month <= self.to_month)
            and (self.place is None or (zone or "").startswith(self.place))
        )

    def covers_period(self, first: str | None, last: str | None) -> bool:
        """Whether a period (None: without an end on that side) lies wholly within what is asked for."""
        return (self.from_month is None or (first is not None and self.from_month <= first)) and (
            self.to_month is None or (last is not None and last <= self.to_month)
        )
