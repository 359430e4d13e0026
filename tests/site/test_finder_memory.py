"""The lung finder after a hundred X-rays."""

from finder import PATIENCE
from hostile import picture


def test_its_memory_stays_where_it_is(opened, renderer_memory):
    """After 100 X-rays a page takes about what it took after 20."""
    window = opened()
    content = picture()()
    for number in range(100):
        window.ask((f"{number}.png", content), 2 * PATIENCE)
        if number == 20:
            before = renderer_memory(window.page)
    assert renderer_memory(window.page) < before + 60e6
