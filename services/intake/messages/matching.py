"""Matches: what is proposed to coordinators, and who is one person of the network."""

from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

import contracts
from contracts import Draft
from contracts.codes import MatchDecision
from services.intake.rules import links
from services.intake.rules.matching import Proposal


def proposed(proposal: Proposal, *, held_back: int, to: str) -> Draft:
    """Ask a coordinator whether two registrations are of one person, and say why, and how many more there are."""
    match_id = links.match_id_of(proposal.pair)
    asked = contracts.MatchProposed(
        match_id=match_id,
        person_ids=proposal.pair,
        score=proposal.likeness.score,
        reasons=tuple(contracts.MatchReason(**reason._asdict()) for reason in proposal.likeness.reasons),
        held_back=held_back,
    )
    return Draft(asked, subject=str(match_id), recipient=to)


def decided(pair: links.Pair, decision: str, *, by: str, at: datetime, to: str) -> Draft:
    """Tell a coordinator what another has decided."""
    match_id = links.match_id_of(pair)
    said = contracts.MatchDecided(
        match_id=match_id, person_ids=pair, decision=MatchDecision(decision), decided_by=by, decided_at=at
    )
    return Draft(said, subject=str(match_id), recipient=to)


def identified(registrations: Iterable[UUID]) -> Draft:
    """Tell the hub's services which registrations are one person of the network."""
    person_ids = tuple(sorted(registrations))
    network_id = links.network_id_of(person_ids)
    return Draft(contracts.PersonIdentified(network_id=network_id, person_ids=person_ids), subject=str(network_id))
