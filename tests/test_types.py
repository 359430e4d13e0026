"""A file that bears its name is whole, and two who write it at once do not meet."""

import threading

import pytest

from lungseg_utils.types import DataError, written_whole


def test_the_file_appears_when_the_block_ends(tmp_path):
    path = tmp_path / "new folder" / "one.json"
    with written_whole(path) as part:
        part.write_text("half", encoding="utf-8")
        assert not path.exists() and part.suffix == path.suffix
        part.write_text("whole", encoding="utf-8")
    assert path.read_text(encoding="utf-8") == "whole" and list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyboardInterrupt()])
def test_an_error_leaves_the_old_file_as_it_was(tmp_path, error):
    path = tmp_path / "one.json"
    path.write_text("old", encoding="utf-8")
    with pytest.raises(type(error)), written_whole(path) as part:
        part.write_text("half", encoding="utf-8")
        raise error
    assert path.read_text(encoding="utf-8") == "old" and list(tmp_path.iterdir()) == [path]


def test_the_longest_name_that_a_disk_takes_can_be_written(tmp_path):
    path = tmp_path / ("x" * 251 + ".png")
    with written_whole(path) as part:
        part.write_bytes(b"1")
    assert path.read_bytes() == b"1"


def test_two_threads_write_the_same_file(tmp_path):
    path, both = tmp_path / "one.txt", threading.Barrier(2)

    def write(text: str) -> None:
        with written_whole(path) as part:
            part.write_text(text, encoding="utf-8")
            both.wait(5)
            assert part.read_text(encoding="utf-8") == text

    threads = [threading.Thread(target=write, args=(text * 1000,)) for text in "ab"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert path.read_text(encoding="utf-8") in ("a" * 1000, "b" * 1000) and list(
        tmp_path.iterdir()
    ) == [path]


def test_a_fault_of_the_data_is_a_fault_of_value():
    assert issubclass(DataError, ValueError)
