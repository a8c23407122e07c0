"""Placements and their follow-ups."""

import contracts
from contracts import Draft, codes
from services.employment.rules.candidacies import Candidacy, last_follow_up
from services.employment.rules.employers import Vacancy
from services.employment.rules.participations import Participation


def recorded(candidacy: Candidacy, participation: Participation, vacancy: Vacancy) -> Draft:
    """Tell the hub's services that somebody works, and what the last follow-up found."""
    assert candidacy.starts_on is not None
    last = last_follow_up(candidacy)
    recorded = contracts.PlacementRecorded(
        candidacy_id=candidacy.candidacy_id,
        participation_id=participation.participation_id,
        person_id=participation.person_id,
        organisation=candidacy.organisation,
        programme=participation.programme,
        employer_id=vacancy.employer_id,
        starts_on=candidacy.starts_on,
        day=last[0] if last else None,
        result=codes.FollowUpResult(last[1]) if last else None,
    )
    return Draft(recorded, subject=str(candidacy.candidacy_id), sequence=candidacy.sequence)


def follow_up_due(candidacy: Candidacy) -> Draft:
    """Ask the organisation that placed somebody how they are doing."""
    assert candidacy.next_day is not None
    assert candidacy.due_on is not None
    due = contracts.PlacementFollowUpDue(
        candidacy_id=candidacy.candidacy_id, day=candidacy.next_day, due_on=candidacy.due_on
    )
    return Draft(due, subject=str(candidacy.candidacy_id), recipient=candidacy.organisation)
