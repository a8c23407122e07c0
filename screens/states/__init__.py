"""Every state of every page: who has come in, and what they do until it is there."""

from typing import Final

from screens.console import PARTNER
from screens.states import deciding, emergency, entering, finding, mending, notified, watching, working
from screens.states.state import State, to

__all__ = ["NO_PAGES", "STATES", "State"]

NO_PAGES: Final = {
    "logout", "lock", "language", "enrolment_qr", "act_undone", "acts_undone", "referrals_file", "absence_ended",
    "view_dropped", "operation_stopped", "replay_stopped", "replay_resumed", "replay_reviewed", "work_file",
    "waiting", "draft",
}  # fmt: skip
"""What only leads to another page, is a picture on one, a file, or what the page's script alone asks for."""

STATES: Final = (
    *entering.STATES,
    *working.STATES,
    *finding.STATES,
    *deciding.STATES,
    *notified.STATES,
    *watching.STATES,
    *mending.STATES,
    State("nothing", "nothing", PARTNER, to("/no/existe")),
    *emergency.STATES,
)
