"""The one reader: a file of any format becomes the same image, or a sentence."""

from dataclasses import replace

import cv2
import numpy as np
import pytest
from sets import NAMES, SHAPE, radiograph, write_png, write_set

from lungseg_utils.images import DEPTHS, decode_xray, read_image, read_shape, read_xray
from lungseg_utils.radiographs import load_records
from lungseg_utils.results import evaluate
from lungseg_utils.squares import load_squares, to_square
from lungseg_utils.types import DataError

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


EIGHT, TWELVE, SIXTEEN = (np.uint8, 255), (np.uint16, 4095), (np.uint16, 65535)


def grey(pixels):
    return pixels


def colour(pixels):
    return np.stack([pixels] * 3, axis=2)


def colour_with_alpha(pixels):
    alpha = np.random.default_rng(0).integers(0, pixels.max(), pixels.shape, endpoint=True)
    return np.dstack([colour(pixels), alpha.astype(pixels.dtype)])


@pytest.mark.parametrize("depth", [EIGHT, TWELVE, SIXTEEN], ids=["8 bit", "12 bit", "16 bit"])
@pytest.mark.parametrize("layout", [grey, colour, colour_with_alpha])
def test_image_is_the_same_in_every_format(depth, layout, tmp_path):
    kind, largest = depth
    path = tmp_path / "image.png"
    write_png(path, layout(np.round(radiograph() * largest).astype(kind)))
    image = read_image(path)
    assert image.dtype == np.float32
    assert image.shape == SHAPE
    assert (image.min(), image.max()) == (0, 1)
    np.testing.assert_allclose(image, radiograph(), atol=0.5 / largest + 1e-6)


def test_colours_are_weighed_as_the_eye_does(tmp_path):
    pixels = np.zeros((1, 4, 3), np.uint8)
    pixels[0, 0], pixels[0, 1], pixels[0, 2] = (255, 0, 0), (0, 255, 0), (0, 0, 255)
    write_png(tmp_path / "image.png", pixels)  # OpenCV's order: blue, green, red
    image = read_image(tmp_path / "image.png")
    np.testing.assert_allclose(image, [[0.114, 0.587, 0.299, 0]], atol=1 / 255)


@pytest.mark.parametrize("shape", [(1, 7), (7, 1), (300, 200)])
def test_png_shape_is_height_and_width(shape, tmp_path):
    write_png(tmp_path / "image.png", np.zeros(shape, np.uint8))
    assert read_shape(tmp_path / "image.png") == shape


def test_missing_file_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"there is no file .*nowhere\.png: check the path"):
        read_image(tmp_path / "nowhere.png")


@pytest.mark.parametrize("suffix", [".png", ".tiff"])
@pytest.mark.parametrize("bits", DEPTHS)
def test_training_evaluation_and_prediction_see_one_image(bits, suffix, tmp_path):
    """A file of 10 or 14 bits was four times darker in training than in prediction."""
    for kind in (np.uint8, np.uint16)[bits > 8 :]:  # 8 bits also in 16
        pixels = np.round(radiograph() * (2**bits - 1)).astype(kind)
        root = write_set(tmp_path / f"{bits}-{kind.__name__}", NAMES[:1])
        (record,) = load_records(root)
        path = written(record.image_path.with_suffix(suffix), pixels)
        predicted = decode_xray(path.read_bytes(), "from a browser").image
        np.testing.assert_array_equal(read_xray(path).image, predicted)
        np.testing.assert_array_equal(read_image(path), predicted)
        np.testing.assert_allclose(predicted, radiograph(), atol=0.6 / 2**bits)
        learned = load_squares([replace(record, image_path=path)], 16, tmp_path / "cache").images
        np.testing.assert_allclose(learned[0], to_square(predicted, 16), atol=1 / 65535)
        seen = []
        evaluate(lambda image, seen=seen: seen.append(image) or image > 0.5,
                 [replace(record, image_path=path)])  # fmt: skip
        np.testing.assert_array_equal(seen[0], predicted)
