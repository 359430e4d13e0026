"""The lung finder after a hundred X-rays."""

from finder import PATIENCE
from hostile import picture

COUNT, EARLY, LATE = 100, range(15, 25), range(90, 100)
MOST_GROWTH = 120e6  # bytes; a picture that is kept of each X-ray would take 280


def test_its_memory_stays_where_it_is(opened, renderer_memory):
    """The least that it takes late is about the most that it took early, whenever it tidies up."""
    window, content, taken = opened(), picture()(), []
    for number in range(COUNT):
        window.ask((f"{number}.png", content), 2 * PATIENCE)
        taken.append(renderer_memory())
    assert (
        min(taken[number] for number in LATE) < max(taken[number] for number in EARLY) + MOST_GROWTH
    )
