"""What a request accepts: whether its answer is a stream."""

import pytest

from hub.gateway.http.accepted import wants_events


@pytest.mark.parametrize(
    ("accepts", "streams"),
    [
        ([], False),
        (["*/*"], False),
        (["text/event-stream"], True),
        (["Text/Event-Stream"], True),
        (["text/event-stream;q=0"], False),
        (["text/event-stream; q=0.0"], False),
        (["text/event-stream ; Q = 0.000"], False),
        (["application/json, text/event-stream;q=0"], False),
        (["text/event-stream;q=0.001"], True),
        (["text/event-stream;charset=utf-8;q=1"], True),
        (["application/json;q=0, text/event-stream"], True),
        (["application/json", "text/event-stream"], True),
        (["text/event-streams"], False),
        (["text/event-stream;q=00"], True),  # which is no quality
    ],
)
def test_events_are_for_who_names_them_and_not_with_a_quality_of_0(accepts: list[str], streams: bool) -> None:
    headers = [(b"host", b"localhost"), *((b"accept", one.encode()) for one in accepts)]

    assert wants_events(headers) is streams
