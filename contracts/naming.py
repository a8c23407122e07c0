"""Names for whoever coordinates: under a consent of the purpose `coordinate`, and only while it holds."""

from uuid import UUID

from .fields import Model, OrganisationId, Said, SealedToNamed, SealedToReader
from .registry import contract


@contract("person.named.v1", sent_by="partner", received_by="hub", personal_data=True, about="person_id")
class PersonNamed(Model):
    """An organisation tells one that coordinates what a person is called, who has allowed that (`coordinate`).

    Said again, what was said last is their name. Of a case under a code there is no such message.
    """

    person_id: UUID
    consent_id: UUID
    """Given to who says this, for the purpose `coordinate`, with that recipient and the group `identity`."""
    recipient: OrganisationId
    """An organisation that coordinates."""
    sealed: SealedToNamed
    """A name block, sealed to the recipient."""


@contract("person.name_brought.v1", sent_by="hub", received_by="coordinator", personal_data=True, about="person_id")
class PersonNameBrought(Model):
    """The hub brings whoever coordinates the name of a person; it may be shown while that consent holds."""

    person_id: UUID
    consent_id: UUID
    named_by: OrganisationId
    named_at: Said
    sealed: SealedToReader
    """A name block, sealed to the reader."""


@contract("person.name_ended.v1", sent_by="hub", received_by="coordinator", personal_data=True, about="person_id")
class PersonNameEnded(Model):
    """The consent under which whoever coordinates was told a person's name has ended: they delete the name."""

    person_id: UUID
    consent_id: UUID
    ended_at: Said
