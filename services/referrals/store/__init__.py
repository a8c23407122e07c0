"""What referrals keeps in PostgreSQL, one file for each subject."""

from services.referrals.store.chains import chain_after, chain_before, last_after, links, referred_onward_before
from services.referrals.store.consents import end_consent, end_consents_of, lock_consent, record_consent
from services.referrals.store.directory import find_candidates, find_service, publish_service, state_capacity
from services.referrals.store.lines import join_line, lines_left, lock_moved, note_notified, save_line
from services.referrals.store.referrals import (
    DUE_AT_ONCE,
    check_reopening,
    find_candidates_for,
    forget_request,
    history_of,
    insert_referral,
    lock_due_referrals,
    lock_referral,
    lock_referrals_of,
    lock_referrals_under,
    open_beside,
    outstanding_purges,
    overrides_used,
    request_of,
    save_referral,
)

__all__ = [
    "DUE_AT_ONCE",
    "chain_after",
    "chain_before",
    "check_reopening",
    "end_consent",
    "end_consents_of",
    "find_candidates",
    "find_candidates_for",
    "find_service",
    "forget_request",
    "history_of",
    "insert_referral",
    "join_line",
    "last_after",
    "lines_left",
    "links",
    "lock_consent",
    "lock_due_referrals",
    "lock_moved",
    "lock_referral",
    "lock_referrals_of",
    "lock_referrals_under",
    "note_notified",
    "open_beside",
    "outstanding_purges",
    "overrides_used",
    "publish_service",
    "record_consent",
    "referred_onward_before",
    "request_of",
    "save_line",
    "save_referral",
    "state_capacity",
]
