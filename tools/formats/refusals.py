"""Why a document is not translated: every code, and what it says; the command prints both, the page lists both."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

REFUSALS: Final[Mapping[str, str]] = MappingProxyType(
    {
        # reading
        "too_large": "a document has at most 1 MiB, and at most 10,000 values",
        "too_deep": "at most 32 objects and lists lie within each other",
        "not_json": "it is no JSON in UTF-8",
        "not_an_object": "one JSON object is expected",
        "repeated_name": "an object says the same name twice",
        "nul_character": "no text has a NUL character",
        # every format
        "missing": "the network cannot do without it",
        "invalid_field": "it is not what its contract takes",
        "unknown_code": "the network has no such code, and no meaning for it",
        "repeated": "there are two answers where one is taken",
        "contradicts": "it says something else than what stands beside it",
        "not_active": "what is over, deleted, closed or served already is not referred",
        # FHIR
        "not_fhir": "it is no resource of FHIR R4",
        "unexpected_resource": "a Bundle, a ServiceRequest or a Task is expected, of resources that the network knows",
        "several_resources": "one ServiceRequest is expected, and at most one Task",
        "personal_data_in_clear": "what is said about a person is sealed",
        "not_understood": "it changes the meaning of the rest",
        "not_an_order": "only what is ordered is sent, and not what is planned or proposed",
        "another_referral": "it is of another referral",
        "leads_nowhere": "it names nobody and nothing of the network, and leads to nothing that does",
        "status_disagrees": "it is not the status of that business status",
        "not_a_step": "the hub or a person brings that state about",
        "no_such_thing_in_fhir": "a request, an offer, a status or a step is expected",
        # Primero
        "not_a_case": "a case is expected, and not another record",
        "several_cases": "one case is expected; ask for each by its id",
        "consent_not_given": "the person has to agree first",
        "nothing_referred": "no service of the case is marked as referred",
        "service_unknown": "the organisation has no service for that need in the partner's own file",
        "child_in_confidence": "people make it, and no program",
        "not_a_status": "a referral.status is expected",
        # the command
        "not_toml": "it is no TOML in UTF-8",
    }
)
"""The codes by kind, each with what it asks for."""
