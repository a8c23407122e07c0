"""A batch is one by one, only faster: any sequence, in any batches, ends as it would one by one.

./ruta test --sequences 3000 --seed 7                              thousands of other ones
./ruta test --sequences 1 --seed 7 --first-sequence 137 -k intake  one of them again
"""

import logging
from collections.abc import Callable

import pytest

from tests.services.outcomes.surroundings import SEQUENCED
from tests.services.sequences.holding import apart, report
from tests.services.sequences.making import make
from tests.services.sequences.playing import Player


@pytest.mark.parametrize("service", SEQUENCED)
def test_any_sequence_in_batches_ends_as_it_would_one_by_one(
    player_of: Callable[[str], Player],
    pytestconfig: pytest.Config,
    record_property: Callable[[str, object], None],
    caplog: pytest.LogCaptureFixture,
    service: str,
) -> None:
    for name in ("ruta", "psycopg"):
        caplog.set_level(logging.CRITICAL, logger=name)  # much fails on purpose
    seed, first, many = (pytestconfig.getoption(name) for name in ("seed", "first_sequence", "sequences"))
    player = player_of(service)
    for number in range(first, first + many):
        if apart(player, make(service, SEQUENCED[service], seed=seed, number=number)):
            pytest.fail(report(player, service, seed=seed, number=number), pytrace=False)
    record_property("held", f"{service}: {many} sequences of seed {seed} end in batches as they do one by one")
