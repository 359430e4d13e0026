"""From a file to a mask, areas, a confidence and warnings: by hand, and on simulated X-rays."""

import cv2
import keras
import numpy as np
import pytest
from sets import lungs, radiograph

from lungseg_utils import predict as room
from lungseg_utils.metrics import dice
from lungseg_utils.phantom import simulate
from lungseg_utils.png import DataError
from lungseg_utils.predict import COPIES, Copy, agreement, answers, draw, lung_areas, predict
from lungseg_utils.pretrained import SIMULATED, load_pretrained
from lungseg_utils.unet import predict_mask
from lungseg_utils.xray import read_xray

GREY = np.round(255 * radiograph((48, 64))).astype(np.uint8)


def written(path, pixels, start=b""):
    path.write_bytes(start + cv2.imencode(path.suffix, pixels)[1].tobytes())
    return path


@pytest.mark.parametrize("suffix", [".png", ".tiff"])
@pytest.mark.parametrize("bits", [8, 10, 12, 14, 16])
def test_every_depth_gives_the_same_image(suffix, bits, tmp_path):
    kind = np.uint8 if bits == 8 else np.uint16
    pixels = np.round(radiograph((48, 64)) * (2**bits - 1)).astype(kind)
    image, spacing, notes = read_xray(written(tmp_path / f"one{suffix}", pixels))
    assert (image.dtype, image.shape, spacing, notes) == (np.float32, (48, 64), None, ())
    np.testing.assert_allclose(image, radiograph((48, 64)), atol=0.6 / 2 ** min(bits, 20))


def test_colour_and_alpha_are_read_as_grey(tmp_path):
    plain = read_xray(written(tmp_path / "grey.png", GREY)).image
    colour = np.dstack([GREY] * 3)
    alpha = np.dstack([colour, np.full_like(GREY, 255)])
    for name, pixels in {"c.png": colour, "a.png": alpha, "c.tiff": colour}.items():
        np.testing.assert_allclose(read_xray(written(tmp_path / name, pixels)).image, plain)


def test_jpeg_is_read_whatever_its_name_says(tmp_path):
    path = written(tmp_path / "one.jpg", GREY).rename(tmp_path / "one.png")
    np.testing.assert_allclose(read_xray(path).image, GREY / 255, atol=0.1)


def test_sixteen_bits_are_not_stretched_to_what_one_film_has(tmp_path):
    pixels = np.full((8, 8), 1500, np.uint16)
    pixels[0, 0] = 3000
    assert read_xray(written(tmp_path / "a.tiff", pixels)).image.max() == pytest.approx(3000 / 4095)


@pytest.mark.parametrize(
    "name, content, error, says",
    [("gone.png", None, FileNotFoundError, "there is no file"),
     ("folder", b"", FileNotFoundError, "there is no file"),
     ("empty.png", b"", DataError, "is empty"),
     ("note.txt", b"lungs are clear", DataError, "no PNG, JPEG, TIFF or DICOM"),
     ("one.dcm", bytes(128) + b"DICM" + bytes(50), DataError, "DICOM"),
     ("cut.jpg", b"\xff\xd8\xff\xe0rest", DataError, "cannot be decoded"),
     ("cut.tiff", b"II*\0rest", DataError, "cannot be decoded"),
     ("cut.png", b"\x89PNG\r\n\x1a\nrest", DataError, "cut short"),
     ("black.png", np.zeros((9, 9), np.uint8), DataError, "shows nothing"),
     ("float.tiff", np.eye(9, dtype=np.float32), DataError, "8 or 16 bits")],
)  # fmt: skip
def test_bad_files_are_named_in_one_sentence(name, content, error, says, tmp_path):
    path = tmp_path / name
    if name == "folder":
        path.mkdir()
    elif isinstance(content, bytes):
        path.write_bytes(content)
    elif content is not None:
        written(path, content)
    with pytest.raises(error, match=says) as caught:
        read_xray(path)
    message = str(caught.value)
    assert name in message and "\n" not in message and ". " not in message


@pytest.mark.parametrize("copy", COPIES)
def test_what_was_moved_comes_back(copy):
    blob = cv2.GaussianBlur(np.random.default_rng(0).random((64, 64), np.float32), (0, 0), 4)
    same_tones = copy._replace(gamma=1.0)
    back = same_tones.undone(same_tones.of(blob), blob)
    inside = slice(8, -8)
    assert np.abs(back - blob)[inside, inside].max() < 0.01
    assert np.abs(same_tones.of(blob) - blob)[inside, inside].max() > 0.01 or copy.gamma != 1


def test_a_shift_by_hand():
    image = np.arange(16, dtype=np.float32).reshape(4, 4)
    down = Copy(down=0.25)
    np.testing.assert_array_equal(down.of(image), np.vstack([np.zeros((1, 4)), image[:3]]))
    back = down.undone(down.of(image), np.full((4, 4), -1, np.float32))
    np.testing.assert_array_equal(back[:3], image[:3])
    np.testing.assert_array_equal(back[3], -1)  # lost below the border: the plain answer stays


def test_tones_change_and_places_do_not():
    image = np.full((8, 8), 0.25, np.float32)
    np.testing.assert_allclose(Copy(gamma=0.5).of(image), 0.5)


def network(function, size=64):
    inputs = keras.Input((size, size, 1))
    return keras.Model(inputs, function(inputs))


def test_an_identity_network_is_undone():
    image = cv2.GaussianBlur(simulate(5, 0, 64).image / np.float32(255), (0, 0), 3)
    copies = [copy._replace(gamma=1.0) for copy in COPIES]
    found = answers([network(keras.layers.Identity())], image, copies)
    assert found.shape == (1 + len(COPIES), 64, 64)
    np.testing.assert_array_equal(found[0], image)
    assert np.abs(found[1:] - found[0])[:, 8:-8, 8:-8].max() < 0.03


def test_networks_of_two_sizes_meet_at_the_larger():
    models = [network(keras.layers.Identity(), size) for size in (32, 64)]
    found = answers(models, radiograph((50, 70)), copies=())
    assert found.shape == (2, 64, 64)
    assert np.abs(found[0] - found[1]).mean() < 0.05


def test_agreement_by_hand():
    one, other = np.zeros((2, 4, 4), np.float32)
    one[1:3, 1:3], other[1:3, 1:] = 0.9, 0.6  # 4 and 6 pixels; the mean passes 0.5 on 4
    assert agreement(np.stack([one, one])) == 1
    assert agreement(np.stack([one, other])) == pytest.approx((1 + 8 / 10) / 2)


def test_areas_and_sides_by_hand():
    mask = np.zeros((20, 40), bool)
    mask[5:15, 4:10], mask[5:10, 30:36], mask[0, 0] = True, True, True  # 60, 30, and a speck
    left, right = lung_areas(mask, (2.0, 0.5))
    assert (left.side, left.pixels, left.cm2) == ("left", 60, pytest.approx(0.6))
    assert (right.side, right.pixels, right.cm2) == ("right", 30, pytest.approx(0.3))
    assert str(left) == "image left (patient right): 1 cm2"
    assert str(lung_areas(mask)[1]) == "image right (patient left): 30 pixels"


@pytest.mark.parametrize("columns, side", [((2, 8), "left"), ((30, 36), "right")])
def test_one_lung_belongs_to_its_side(columns, side):
    mask = np.zeros((20, 40), bool)
    mask[4:9, slice(*columns)] = True
    assert [area.side for area in lung_areas(mask)] == [side]
    assert lung_areas(np.zeros((9, 9), bool)) == ()


def warned(mask):
    return " ".join(room.mask_warnings(mask, lung_areas(mask)))


def test_warnings_of_masks():
    left, right = lungs((60, 80))
    both, small, cut = left | right, np.zeros_like(left), left | right
    small[30:34, 40:44] = cut[:, :20] = True
    assert warned(both) == ""
    assert "one lung" in warned(left)
    assert "hardly any" in warned(small) and "hardly any" in warned(np.zeros_like(left))
    assert "image left" in warned(cut) and "bottom" in warned(cut)


@pytest.fixture(scope="module")
def trained():
    return [load_pretrained(SIMULATED)]


@pytest.fixture(scope="module")
def patient():
    return simulate(808, 2, 256)


def test_a_simulated_patient(trained, patient):
    image, truth = patient.image / np.float32(255), patient.mask_left | patient.mask_right
    found = predict(trained, image, (1.4, 1.7))
    assert dice(found.mask, truth) > 0.93
    assert found.confidence > 0.93 and found.warnings == ()
    assert [area.side for area in found.areas] == ["left", "right"]
    assert sum(area.pixels for area in found.areas) == found.mask.sum()
    assert (found.probability.shape, found.probability.dtype) == (image.shape, np.float32)
    edge = np.abs(found.square - 0.5) < 0.4
    assert found.doubt[edge].mean() > 10 * found.doubt[~edge].mean()


def test_one_network_may_have_the_last_word(trained, patient):
    """The mask is then the one that `predict_mask` gives and the benchmarks score."""
    image = patient.image / np.float32(255)
    alone, joint = (predict(trained, image, joint=joint) for joint in (False, True))
    np.testing.assert_array_equal(alone.mask, predict_mask(trained[0], image))
    assert (alone.mask != joint.mask).any() and alone.confidence == joint.confidence


def test_a_lower_threshold_finds_more(trained, patient):
    image = patient.image / np.float32(255)
    low, high = (predict(trained, image, threshold=threshold).mask for threshold in (0.2, 0.8))
    assert low.sum() > high.sum() and (low | high == low).all()


@pytest.mark.parametrize(
    "change, says",
    [(lambda image: image[::-1, ::-1], "by 180 degrees"),
     (np.rot90, "by 270 degrees"),
     (lambda image: np.rot90(image, -1), "by 90 degrees"),
     (lambda image: 1 - image, "inverted")],
)  # fmt: skip
def test_what_is_turned_or_inverted_is_told(change, says, trained, patient):
    image = np.ascontiguousarray(change(patient.image / np.float32(255)))
    found = predict(trained, image)
    assert says in " ".join(found.warnings)


def test_what_is_no_chest_is_not_trusted(trained):
    noise = np.random.default_rng(1).random((90, 120), np.float32)
    found = predict(trained, noise)
    assert found.warnings and found.confidence < 0.9


def test_the_picture_has_the_chest_s_proportions(trained, patient):
    found = predict(trained, patient.image / np.float32(255), (1.0, 1.25))
    picture = draw(found, side=250)
    assert picture.dtype == np.uint8 and picture.shape[1:] == (room.TEXT_WIDTH, 3)
    assert (picture[:200, 250:] == 255).all() and (picture[:200, :250] < 255).mean() > 0.9
    orange = (picture == room.ORANGE).all(axis=2)
    assert orange[:200].any() and not orange[200:].any()
    assert (picture[200:] == 0).any(), "the areas are written below"
