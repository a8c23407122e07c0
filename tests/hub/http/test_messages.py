"""POST /v1/messages, message by message: what is accepted, repeated, refused; in each form that CloudEvents has."""

from tests.hub.http.entrance import Client, Entrance
from tests.messaging.harness import service_published


def test_a_message_is_accepted_and_goes_out_as_it_came(entrance: Entrance, redcross: Client) -> None:
    message = service_published()
    answered = redcross.post(message)
    assert answered.status == 202
    assert answered.json["id"] == str(message.id)
    assert answered.json["status"] == answered.headers["location"] == f"/v1/messages/{message.id}"
    assert entrance.arrived(1) == [message.to_json()]


def test_the_same_bytes_again_are_a_repeat_with_the_first_time_and_go_out_once(
    entrance: Entrance, redcross: Client
) -> None:
    message = service_published()
    first, again = redcross.post(message), redcross.post(message)
    assert (first.status, again.status) == (202, 200)
    assert again.json == {**first.json, "repeated": True}
    assert entrance.arrived(1) == [message.to_json()]


def test_an_id_used_again_with_other_bytes_is_refused(entrance: Entrance, redcross: Client) -> None:
    message = service_published()
    other = service_published("other", message_id=message.id)
    redcross.post(message)
    answered = redcross.post(other)
    assert (answered.status, answered.code) == (409, "id_reused")
    assert entrance.arrived(1) == [message.to_json()]


def test_another_organisations_key_speaks_for_nobody_else(entrance: Entrance) -> None:
    answered = entrance.client("iom").post(service_published())
    assert (answered.status, answered.code, answered.json["where"]) == (403, "forged_sender", "source")
