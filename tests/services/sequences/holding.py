"""The property: a sequence in batches ends as it would one by one."""

from tests.services.outcomes.surroundings import SEQUENCED
from tests.services.sequences.comparing import differences, ids_in
from tests.services.sequences.making import Sequenced, make
from tests.services.sequences.playing import Player
from tests.services.sequences.shrinking import shrink, told


def apart(player: Player, sequence: Sequenced) -> list[str]:
    """Play a sequence in its batches and one by one; say what does not end the same.

    One by one, too, each message arrives in its turn, so that every sender's words about a subject keep their order.
    What has to wait, or fails, is tried again when it was in batches.
    """
    batched = player.play(sequence)
    alone = player.play_one_by_one(sequence, batched)
    return differences(batched, alone, ids_in(one.to_json().decode() for one in sequence.messages))


def report(player: Player, service: str, *, seed: int, number: int) -> str:
    """Tell of a sequence for which the property does not hold: the least of it, and how to play it again."""
    sequence = make(service, SEQUENCED[service], seed=seed, number=number)
    least = shrink(sequence, lambda other: apart(player, other) != [])
    return "\n".join(
        (
            f"{service}, seed {seed}, sequence {number}: in batches it does not end as one by one.",
            f"  ./ruta test --sequences 1 --seed {seed} --first-sequence {number} -k {service}",
            f"The least of its {len(sequence.messages)} messages that shows it, a line for each batch:",
            told(least),
            *apart(player, least),
        )
    )
