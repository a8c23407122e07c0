"""How much of everything the years hold: the published figures, or a part of them for a quick run."""

from dataclasses import dataclass, fields


@dataclass(frozen=True)
class Totals:
    """What a report has to come to, counted from single people and single days."""

    trips: int  # outreach trips, February to December 2021
    etpv_events: int  # outreach events that registered people for the Statute
    at_etpv_events: int  # people registered for the Statute there
    registered: int  # people registered for the Statute as of 2022, those included
    pilot: int  # people in the employment pilot
    pilot_employers: int
    entrepreneurs: int  # migrant entrepreneurs mentored with the Centre for Opportunities

    def part(self, of: int) -> "Totals":
        """Make a smaller world with one of `of` of each, and no fewer than two."""
        return Totals(**{field.name: max(2, getattr(self, field.name) // of) for field in fields(self)})


PUBLISHED = Totals(
    trips=25,
    etpv_events=52,
    at_etpv_events=1744,
    registered=24942,
    pilot=111,
    pilot_employers=200,
    entrepreneurs=286,
)
"""As the centre has published them."""
