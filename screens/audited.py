"""Invented entries of the console's audit, at moments that stand still; nobody has signed them."""

from dataclasses import replace
from datetime import timedelta
from typing import Final

from hub.console import audit
from hub.console.keyring import Keyring
from hub.gateway.audit.store import Act
from messaging import database
from screens import cases
from screens.cases import CENTRE, an_id
from screens.frozen import NOW

WHO: Final = "s-2b7k"
ENTRIES: Final = (
    (190, Act(f"staff:{WHO}", "login", CENTRE)),
    (180, Act(f"staff:{WHO}", "network_seen", CENTRE, {"page": "state", "count": 1})),
    (170, Act(f"staff:{WHO}", "message_seen", CENTRE, {"message": str(an_id("logged confidential"))})),
    (
        160,
        Act(
            f"staff:{WHO}",
            "confidential_opened",
            CENTRE,
            {"messages": [str(an_id("logged confidential"))], "reason": "organisation_asks 88"},
        ),
    ),
    (150, Act(f"staff:{WHO}", "referrals_seen", CENTRE, {"count": 12, "people": ["x"] * 12})),
)
"""What somebody did, and how many minutes ago."""
LOOKS: Final = (
    (3000, Act("staff:s-7kd2", "case_seen", "redcross")),
    (2990, Act("staff:s-7kd2", "act_kept", "redcross", {"contract": "referral.declined"})),
    (75, Act("staff:s-4m9c", "case_seen", CENTRE)),
)
"""What others have seen and done of the person of a case."""
OF_CASE: Final = cases.DECLINED
ADD: Final = """
    insert into audit_entry (number, at, actor, act, subject, details, previous, hash)
    values (%s, %s, %s, %s, %s, %s, '', '')
"""


def fill(url: str, keyring: Keyring) -> None:
    """Write them into a database in which nothing was done yet."""
    with database.connect(url) as tx:
        person = audit.encrypted(tx, keyring, [str(an_id(f"person {OF_CASE}"))])
        looks = [(ago, replace(one, details={**one.details, "people": person})) for ago, one in LOOKS]
        for number, (ago, one) in enumerate((*ENTRIES, *looks), 1):
            tx.execute(ADD, (number, NOW - timedelta(minutes=ago), one.actor, one.act, one.subject, one.text))
        tx.commit()
