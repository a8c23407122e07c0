"""How a message of an older version reads in the next one: pure functions, one for each step."""

from collections.abc import Callable, Mapping
from typing import Any

from .codes import ContactChannel
from .consent import ConsentReceiptIssuedV1, ConsentReceiptIssuedV2
from .directory import ServicePublishedV1, ServicePublishedV2
from .fields import Model
from .referral import Contact, ReferralRequestedV1, ReferralRequestedV2


def referral_requested_v2(old: ReferralRequestedV1) -> ReferralRequestedV2:
    """Version 1 only knew whether it was safe to telephone; where it was not, the way to the person is the sender."""
    kept = {name: value for name, value in old if name not in ("language", "phone_ok")}
    channel = ContactChannel.PHONE if old.phone_ok else ContactChannel.THROUGH_SENDER
    return ReferralRequestedV2(**kept, contact=Contact(channel=channel, language=old.language))


def service_published_v2(old: ServicePublishedV1) -> ServicePublishedV2:
    """Version 1 knew one municipality, and nothing of whom the service is for."""
    kept = {name: value for name, value in old if name != "zone"}
    return ServicePublishedV2(**kept, zones=(old.zone,))


def receipt_issued_v2(old: ConsentReceiptIssuedV1) -> ConsentReceiptIssuedV2:
    """Version 1 knew fewer purposes."""
    return ConsentReceiptIssuedV2(**dict(old))


UPCASTS: Mapping[type[Model], Callable[[Any], Model]] = {
    ReferralRequestedV1: referral_requested_v2,
    ServicePublishedV1: service_published_v2,
    ConsentReceiptIssuedV1: receipt_issued_v2,
}
"""From the data of each superseded version to the data of the next."""
