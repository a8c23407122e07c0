"""What may happen to a referral, who may make it happen, and by when: pure decisions; time is an argument."""

from contracts.deadlines import PURGE_WITHIN, Urgency
from contracts.transitions import ENDED, MOVES, OPEN, UNDECIDED, Actor, State
from messaging.answers import MissingPrerequisite, Refused
from services.referrals.rules.answering import (
    accept,
    decline,
    provide_info,
    receive,
    redirect,
    request_info,
    waitlist,
)
from services.referrals.rules.away import make_up
from services.referrals.rules.chains import Link, ends_chain, go_on, has_ended, hear_of_end, refer_onward
from services.referrals.rules.confidential import check_may_have, who_may_have
from services.referrals.rules.coordinating import DEADLINE_EXTENDED, chase, extend_deadline, take_on
from services.referrals.rules.deadlines import Action, Deadline, StoppedDeadline
from services.referrals.rules.directory import (
    Capacity,
    CapacityState,
    Eligibility,
    Service,
    check_newer,
    check_publication,
    check_publishable,
    state_capacity,
)
from services.referrals.rules.eligibility import Seeker, Verdict, check_eligibility, check_seeker
from services.referrals.rules.lines import Line, Place, close_ranks, left_line, move_up
from services.referrals.rules.notes import Note, add_note, check_note
from services.referrals.rules.ranking import SUGGESTED_AT_MOST, Candidate, Ranked, alternatives, rank
from services.referrals.rules.referrals import Asked, Referral, Step, decided_by, decision_in, not_a_party
from services.referrals.rules.sending import CONSENT_OVERRIDDEN, Consent, Override, latest_answer, send
from services.referrals.rules.serving import (
    cancel_visit,
    check_none_open_beside,
    close,
    complete,
    note_service,
    reopen,
    report_no_show,
    schedule,
    start_service,
)
from services.referrals.rules.states import check_move
from services.referrals.rules.stopping import (
    confirm_cancel,
    enter_in_error,
    erase,
    record_purge,
    request_cancel,
    withdraw_consent,
)
from services.referrals.rules.timing import awaited, may_be_met_elsewhere, next_step, run_deadline, seeks_alternatives

__all__ = [
    "CONSENT_OVERRIDDEN",
    "DEADLINE_EXTENDED",
    "ENDED",
    "MOVES",
    "OPEN",
    "PURGE_WITHIN",
    "SUGGESTED_AT_MOST",
    "UNDECIDED",
    "Action",
    "Actor",
    "Asked",
    "Candidate",
    "Capacity",
    "CapacityState",
    "Consent",
    "Deadline",
    "Eligibility",
    "Line",
    "Link",
    "MissingPrerequisite",
    "Note",
    "Override",
    "Place",
    "Ranked",
    "Referral",
    "Refused",
    "Seeker",
    "Service",
    "State",
    "Step",
    "StoppedDeadline",
    "Urgency",
    "Verdict",
    "accept",
    "add_note",
    "alternatives",
    "awaited",
    "cancel_visit",
    "chase",
    "check_eligibility",
    "check_may_have",
    "check_move",
    "check_newer",
    "check_none_open_beside",
    "check_note",
    "check_publication",
    "check_publishable",
    "check_seeker",
    "close",
    "close_ranks",
    "complete",
    "confirm_cancel",
    "decided_by",
    "decision_in",
    "decline",
    "ends_chain",
    "enter_in_error",
    "erase",
    "extend_deadline",
    "go_on",
    "has_ended",
    "hear_of_end",
    "latest_answer",
    "left_line",
    "make_up",
    "may_be_met_elsewhere",
    "move_up",
    "next_step",
    "not_a_party",
    "note_service",
    "provide_info",
    "rank",
    "receive",
    "record_purge",
    "redirect",
    "refer_onward",
    "reopen",
    "report_no_show",
    "request_cancel",
    "request_info",
    "run_deadline",
    "schedule",
    "seeks_alternatives",
    "send",
    "start_service",
    "state_capacity",
    "take_on",
    "waitlist",
    "who_may_have",
    "withdraw_consent",
]
