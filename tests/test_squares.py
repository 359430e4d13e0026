"""Records are decoded once, and again when a file has changed."""

import os

import numpy as np
import pytest
from sets import NAMES, write_pictures, write_set

from lungseg_utils import squares
from lungseg_utils.images import read_image
from lungseg_utils.masks import read_lungs, to_square
from lungseg_utils.radiographs import load_records
from lungseg_utils.squares import load_squares


@pytest.fixture
def records(tmp_path):
    return load_records(write_set(tmp_path / "set"))


@pytest.fixture
def no_decoder(monkeypatch):
    """Whatever decodes from here on fails."""

    def decode(*_):
        raise AssertionError("decoded again")

    return lambda: [monkeypatch.setattr(squares, name, decode)
                    for name in ("read_image", "read_lungs")]  # fmt: skip


def test_squares_are_the_files_squared(records, tmp_path):
    found = load_squares(records, 16, tmp_path / "cache")
    assert (found.images.shape, found.images.dtype) == ((4, 16, 16), np.float32)
    assert (found.masks.shape, found.masks.dtype) == ((4, 16, 16), np.float32)
    for record, image, mask in zip(records, found.images, found.masks, strict=True):
        expected = to_square(read_image(record.image_path), 16)
        np.testing.assert_allclose(image, expected, atol=1 / 65535)
        whole = read_lungs(record)
        np.testing.assert_allclose(mask, to_square(whole.astype(np.float32), 16), atol=1 / 65535)
        assert mask.mean() == pytest.approx(whole.mean(), rel=1e-3), "the area is another one"
        assert ((mask > 0.01) & (mask < 0.99)).any(), "outlines run along whole pixels"


def test_second_call_decodes_nothing(records, tmp_path, no_decoder):
    first = load_squares(records, 16, tmp_path)
    no_decoder()
    second = load_squares(records, 16, str(tmp_path))
    np.testing.assert_array_equal(first.images, second.images)
    np.testing.assert_array_equal(first.masks, second.masks)
    for other, size in ((records, 17), (records[:3], 16), (records[::-1], 16)):
        with pytest.raises(AssertionError, match="decoded again"):
            load_squares(other, size, tmp_path)


@pytest.mark.parametrize("which", ["image_path", "mask_left_path", "mask_right_path"])
def test_a_changed_file_is_decoded_again(which, records, tmp_path):
    first = load_squares(records, 16, tmp_path / "cache")
    write_pictures(tmp_path / "other", NAMES[1], tilt=60)
    changed = getattr(records[1], which)
    before = changed.stat()
    new = tmp_path / "other" / changed.relative_to(tmp_path / "set")
    changed.write_bytes(new.read_bytes())
    os.utime(changed, ns=(before.st_atime_ns, before.st_mtime_ns + 1))
    second = load_squares(records, 16, tmp_path / "cache")
    kind = "images" if which == "image_path" else "masks"
    differ = (getattr(first, kind) != getattr(second, kind)).any(axis=(1, 2))
    assert differ.tolist() == [False, True, False, False]


def test_a_file_of_another_time_is_decoded_again(records, tmp_path, no_decoder):
    load_squares(records, 16, tmp_path)
    os.utime(records[2].mask_left_path, ns=(0, 0))
    no_decoder()
    with pytest.raises(AssertionError, match="decoded again"):
        load_squares(records, 16, tmp_path)


def test_a_crash_while_writing_leaves_no_cache(records, tmp_path, monkeypatch):
    def crash(path, **_):
        path.write_bytes(b"half")
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(np, "savez", crash)
        with pytest.raises(KeyboardInterrupt):
            load_squares(records, 16, tmp_path / "cache")
    assert not list((tmp_path / "cache").glob("*.npz"))
    assert len(load_squares(records, 16, tmp_path / "cache").images) == 4
    assert len(list((tmp_path / "cache").iterdir())) == 1
