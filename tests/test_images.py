"""The one reader: a file of any format becomes the same image, or a sentence."""

import io
import struct
from dataclasses import replace
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
from hostile import POINTER, chest, jpeg_of, tiff_tag
from PIL import Image
from sets import NAMES, SHAPE, radiograph, write_png, write_set

from lungseg_utils.grey import DEPTHS
from lungseg_utils.images import (
    JSRT_MM,
    decode_xray,
    format_names,
    format_of,
    measure_xray,
    open_picture,
    read_image,
    read_xray,
)
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


def pillow_tiff(pixels, mode=None, **options) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels, mode).save(file, "TIFF", **options)
    return file.getvalue()


TIFFS = {
    "64-bit floating point": lambda: cv2.imencode(".tiff", GREY / 255)[1].tobytes(),
    "zstd": lambda: pillow_tiff(GREY, compression="zstd"),
    "lzma, 16 bits": lambda: pillow_tiff(GREY.astype(np.uint16) * 257, compression="lzma"),
    "BigTIFF": lambda: pillow_tiff(GREY.astype(np.uint16) * 257, big_tiff=True),
    "CMYK": lambda: pillow_tiff(np.dstack([255 - GREY] * 3 + [0 * GREY]), "CMYK"),
    "transparent": lambda: pillow_tiff(np.dstack([GREY, 0 * GREY + 255]), "LA"),
}


@pytest.mark.parametrize("name", TIFFS)
def test_a_tiff_of_every_kind_is_the_same_image(name, tmp_path):
    path = tmp_path / "one.tiff"
    path.write_bytes(TIFFS[name]())
    assert measure_xray(path) == (GREY.shape, None)
    np.testing.assert_allclose(read_image(path), GREY / 255, atol=0.006)


def test_a_picture_in_false_colours_says_so(tmp_path):
    coloured = cv2.applyColorMap(GREY, cv2.COLORMAP_JET)
    labelled = np.dstack([GREY] * 3)
    labelled[:6, :6] = 0, 0, 255
    for suffix in (".png", ".jpg", ".tiff"):
        assert read_xray(written(tmp_path / f"one{suffix}", labelled)).notes == ()
        (note,) = read_xray(written(tmp_path / f"one{suffix}", coloured)).notes
        assert note.startswith("it is in colour")


def test_a_jpeg_that_was_cut_and_closed_again_says_so():
    """As repair tools leave it, which decoders take for whole."""
    content = cv2.imencode(".jpg", chest())[1].tobytes()
    notes = decode_xray(content[: len(content) // 2] + b"\xff\xd9", "one").notes
    assert any(note.endswith("one grey up to an edge: part of it may be missing") for note in notes)


def test_a_jpeg_of_many_scans_is_refused_before_it_is_decoded():
    file = io.BytesIO()
    Image.fromarray(chest()).save(file, "JPEG", progressive=True)
    content, place = file.getvalue(), file.getvalue().rindex(b"\xff\xda")
    assert decode_xray(content, "one").notes == ()
    scan = content[place:-2]
    with pytest.raises(DataError, match=r"one is a JPEG of 1[0-9][0-9] scans: export it again"):
        decode_xray(content[:-2] + scan * 100 + content[-2:], "one")


def test_jpeg_is_read_whatever_its_name_says(tmp_path):
    path = written(tmp_path / "one.jpg", GREY).rename(tmp_path / "one.png")
    np.testing.assert_allclose(read_xray(path).image, GREY / 255, atol=0.1)


@pytest.mark.parametrize(
    "name, content, error, says",
    [("gone.png", None, FileNotFoundError, "there is no file"),
     ("folder", b"", FileNotFoundError, "there is no file"),
     ("empty.png", b"", DataError, "is empty"),
     ("pointer.png", POINTER, DataError, "is a Git LFS pointer, not the file itself: run git lfs"),
     ("note.txt", b"lungs are clear", DataError, "no PNG, JPEG, TIFF or DICOM"),
     ("one.dcm", bytes(128) + b"DICM" + bytes(50), DataError, "DICOM"),
     ("cut.jpg", b"\xff\xd8\xff\xe0rest", DataError, "cannot be decoded"),
     ("cut.tiff", b"II*\0rest", DataError, "cannot be decoded"),
     ("cut.png", b"\x89PNG\r\n\x1a\nrest", DataError, "cut short"),
     ("black.png", np.zeros((9, 9), np.uint8), DataError, "shows nothing"),
     ("mask.tiff", np.eye(9, dtype=np.float32), DataError, "is a mask")],
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
    pixels = np.zeros((1, 5, 3), np.uint8)
    pixels[0] = (255, 0, 0), (0, 255, 0), (0, 0, 255), (0, 0, 0), (255, 255, 255)
    write_png(tmp_path / "image.png", pixels)  # OpenCV's order: blue, green, red
    image = read_image(tmp_path / "image.png")
    np.testing.assert_allclose(image, [[0.114, 0.587, 0.299, 0, 1]], atol=1 / 255)


@pytest.mark.parametrize("shape", [(1, 7), (7, 1), (300, 200)])
def test_png_shape_is_height_and_width(shape, tmp_path):
    write_png(tmp_path / "image.png", np.zeros(shape, np.uint8))
    assert measure_xray(tmp_path / "image.png") == (shape, None)


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


@pytest.mark.parametrize("deep", [False, True])
@pytest.mark.parametrize("tag, invert", [(0, True), (1, False)])
def test_where_white_is_zero_a_tiff_is_turned(tag, invert, deep, tmp_path):
    top = 4095 if deep else 255
    stored = tiff_tag(262, tag, deep)()
    plain = chest() / (255 if not deep else 4095 / 16)
    np.testing.assert_allclose(
        decode_xray(stored, "one").image, 1 - plain if invert else plain, atol=1.5 / top
    )


FORMATS_BY_HEAD = {
    b"\x89PNG\r\n\x1a\n....": "PNG", b"\x89PNG\r\n\x1a": None, b"\xff\xd8\xff\xe0": "JPEG",
    b"\xff\xd8": None, b"II*\0": "TIFF", b"MM\0*": "TIFF", b"MM*\0": None, b"": None,
    bytes(128) + b"DICM": "DICOM", bytes(127) + b"DICM": None,
    b"II*\0" + bytes(124) + b"DICM": "DICOM", b"II*\0" + bytes(123) + b"DICM": "TIFF",
}  # fmt: skip


@pytest.mark.parametrize("head", FORMATS_BY_HEAD, ids=lambda head: f"{head[:4].hex()} {len(head)}")
def test_a_format_is_told_by_its_first_bytes(head):
    found = format_of(head)
    assert (found and found.name) == FORMATS_BY_HEAD[head]
    assert format_names() == "PNG, JPEG, TIFF or DICOM"


def test_a_file_may_be_as_large_as_the_limit(tmp_path, monkeypatch):
    path = written(tmp_path / "one.png", GREY)
    monkeypatch.setattr("lungseg_utils.images.MOST_BYTES", path.stat().st_size)
    assert read_xray(path).image.shape == GREY.shape
    monkeypatch.setattr("lungseg_utils.images.MOST_BYTES", 3 << 20)
    path.write_bytes(path.read_bytes() + bytes(3 << 20))
    with pytest.raises(DataError) as caught:
        read_xray(path)
    assert str(caught.value) == f"{path} is larger than 3 MB: export the X-ray alone"


@pytest.mark.parametrize("kind", [".png", ".jpg", ".tiff"])
def test_an_image_may_have_as_many_pixels_as_the_limit(kind, monkeypatch):
    content = cv2.imencode(kind, GREY)[1].tobytes()
    monkeypatch.setattr("lungseg_utils.images.MOST_PIXELS", GREY.size)
    assert decode_xray(content, "one").image.shape == GREY.shape
    monkeypatch.setattr("lungseg_utils.images.MOST_PIXELS", GREY.size - 1)
    with pytest.raises(DataError) as caught:
        decode_xray(content, "one")
    assert str(caught.value) == "one claims to be 48 x 64 pixels: export it again, or smaller"


@pytest.mark.parametrize("channels, fine", [(4, True), (5, False)])
def test_a_tiff_has_four_channels_at_most(channels, fine, monkeypatch):
    picture = SimpleNamespace(height=48, width=64, getbands=lambda: "RGBAX"[:channels])
    monkeypatch.setattr("lungseg_utils.images.Pillow.open", lambda *_, **__: picture)
    if fine:
        assert open_picture(io.BytesIO(), "one", ["TIFF"]) is picture
    else:
        with pytest.raises(DataError, match="one claims to be 48 x 64 pixels"):
            open_picture(io.BytesIO(), "one", ["TIFF"])


PNG_CONTENT = cv2.imencode(".png", GREY)[1].tobytes()
UNLIKE_PNG = {
    "a text": (b"lungs are clear",
               "is no PNG, JPEG, TIFF or DICOM file: export it as one of these"),
    "empty": (b"", "is empty: fetch or export it again"),
    "head cut": (PNG_CONTENT[:23], "is cut short: fetch or export it again"),
    "end cut": (PNG_CONTENT[:-8], "is cut short: fetch or export it again"),
    "no rows": (PNG_CONTENT[:20] + bytes(4) + PNG_CONTENT[24:],
                "claims to be 0 x 64 pixels: export it again, or smaller"),
    "no columns": (PNG_CONTENT[:16] + bytes(4) + PNG_CONTENT[20:],
                   "claims to be 48 x 0 pixels: export it again, or smaller"),
    "huge": (PNG_CONTENT[:16] + struct.pack(">II", 10**4, 10**4 + 1) + PNG_CONTENT[24:],
             "claims to be 10001 x 10000 pixels: export it again, or smaller"),
    "beyond all": (PNG_CONTENT[:16] + b"\xff" * 8 + PNG_CONTENT[24:],
                   "claims to be 4294967295 x 4294967295 pixels: export it again, or smaller"),
}  # fmt: skip


@pytest.mark.parametrize("case", UNLIKE_PNG)
def test_the_size_of_what_is_no_whole_png_is_not_told(case, tmp_path):
    content, says = UNLIKE_PNG[case]
    (tmp_path / "one.png").write_bytes(content)
    for reads in (measure_xray, read_xray):
        with pytest.raises(DataError) as caught:
            reads(tmp_path / "one.png")
        assert str(caught.value) == f"{tmp_path / 'one.png'} {says}"


def test_a_png_is_whole_when_its_end_is_there(tmp_path):
    (tmp_path / "one.png").write_bytes(PNG_CONTENT)
    assert measure_xray(tmp_path / "one.png") == (GREY.shape, None)


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".tiff"])
def test_a_file_is_measured_as_it_is_read(suffix, tmp_path):
    path = written(tmp_path / f"one{suffix}", GREY)
    assert measure_xray(str(path)) == (read_xray(path).image.shape, None)


def jsrt(change=lambda pixels: pixels) -> bytes:
    """A film as the JSRT set has it: 2048 x 2048, 12 bits, the largest number black."""
    pixels = cv2.resize(np.uint16(chest()) * 16, (2048, 2048), interpolation=cv2.INTER_LINEAR)
    return change(4095 - pixels).astype(">u2").tobytes()


def test_a_film_of_the_jsrt_set_is_told_by_its_size(tmp_path):
    (tmp_path / "JPCLN001.IMG").write_bytes(jsrt())
    image, spacing, notes = read_xray(tmp_path / "JPCLN001.IMG")
    expected = cv2.resize(np.uint16(chest()) * 16, (2048, 2048)) / 4095
    np.testing.assert_allclose(image, expected, atol=1e-3)
    assert spacing == JSRT_MM and notes == ()
    assert measure_xray(tmp_path / "JPCLN001.IMG") == (image.shape, spacing)
    with pytest.raises(DataError, match="is no PNG, JPEG, TIFF or DICOM file"):
        decode_xray(jsrt(lambda pixels: pixels + 1), "one")
    with pytest.raises(DataError, match="is no PNG, JPEG, TIFF or DICOM file"):
        decode_xray(jsrt()[:-2], "one")


def planar(kind) -> bytes:
    """A TIFF in colour that calls its channels one picture behind the other."""
    content = cv2.imencode(".tiff", np.dstack([GREY] * 3).astype(kind))[1].tobytes()
    field = struct.pack("<HHI", 284, 3, 1)
    assert content.count(field + b"\1\0") == 1
    return content.replace(field + b"\1\0", field + b"\2\0")


UNREAD_TIFF = "is damaged, or a TIFF that cannot be read: export it as PNG"
DAMAGED = {
    "damaged.png": (PNG_CONTENT[:60] + bytes(200) + PNG_CONTENT[260:],
                    "is damaged and cannot be decoded: fetch or export it again"),
    "cut.jpg": (cv2.imencode(".jpg", GREY)[1].tobytes()[:-200],
                "is cut short or damaged: export it again"),
    "twelve.jpg": (jpeg_of(b"\xff\xc1", 12)(),
                   "is a JPEG of 12 bits: export it as PNG of 16 bits"),
    "lossless.jpg": (jpeg_of(b"\xff\xc3", 8)(), "is a lossless JPEG: export it as PNG of 16 bits"),
    "sixteen.jpg": (jpeg_of(b"\xff\xc3", 16)(), "is a lossless JPEG: export it as PNG of 16 bits"),
    "extended.jpg": (jpeg_of(b"\xff\xc1", 8)()[:-200],
                     "is cut short or damaged: export it again"),
    "marked.jpg": (b"\xff\xd8\xff\xc1", "cannot be decoded: export it again"),
    "pointer.tiff": (POINTER, "is a Git LFS pointer, not the file itself: run git lfs pull"),
    "none.jpg": (b"\xff\xd8\xff" + bytes(60), "cannot be decoded: export it again"),
    "none.tiff": (b"II*\0" + bytes(60), "cannot be decoded: export it again"),
    "data.tiff": (tiff_tag(273, 10**6)(), UNREAD_TIFF),
    "bands.tiff": (planar(np.uint16),
                   "stores its colours separately, in 16 bits: export it as PNG"),
    "codec.tiff": (tiff_tag(259, 34933)(), UNREAD_TIFF),
    "half.tiff": (tiff_tag(258, 16)()[:-99], "cannot be decoded: export it again"),
    "empty": (b"", "is empty: fetch or export it again"),
    "text": (b"lungs are clear",
             "is no PNG, JPEG, TIFF or DICOM file: export it as one of these"),
}  # fmt: skip


@pytest.mark.parametrize("name", DAMAGED)
def test_a_damaged_file_is_told_in_these_words(name):
    content, says = DAMAGED[name]
    with pytest.raises(DataError) as caught:
        decode_xray(content, name)
    assert str(caught.value) == f"{name} {says}"


def test_a_picture_that_pillow_takes_for_a_bomb_is_refused(monkeypatch):
    monkeypatch.setattr("lungseg_utils.images.Pillow.MAX_IMAGE_PIXELS", 10)
    with pytest.raises(DataError) as caught:
        decode_xray(cv2.imencode(".jpg", GREY)[1].tobytes(), "one")
    assert str(caught.value) == "one claims more pixels than a radiograph has"


@pytest.mark.parametrize("kind", [".png", ".jpg", ".tiff"])
def test_a_black_file_of_every_format_is_called_by_its_name(kind):
    with pytest.raises(DataError) as caught:
        decode_xray(cv2.imencode(kind, np.zeros((9, 9), np.uint8))[1].tobytes(), "one")
    said = "one shows nothing, all its pixels are 0: choose another file"
    assert str(caught.value) == said


@pytest.mark.parametrize(
    "content, says",
    [(PNG_CONTENT, "one cannot be decoded: export it again"),
     (POINTER, "one is a Git LFS pointer, not the file itself: run git lfs pull")],
)  # fmt: skip
def test_only_the_decoder_of_its_own_format_sees_a_file(content, says):
    """Pillow has decoders for fifty formats, some with holes in them."""
    with pytest.raises(DataError, match=says):
        open_picture(io.BytesIO(content), "one", ["JPEG"])


@pytest.mark.parametrize(
    "cut, more, whole",
    [(0, 0, True), (0, 4, True), (0, 500, True), (0, 70_000, True), (0, 10**6, True),
     (8, 0, False), (8, 70_000, False), (20, 70_000, False)],
)  # fmt: skip
def test_a_png_ends_with_its_end(cut, more, whole, tmp_path):
    """Some programs leave bytes behind it."""
    path = tmp_path / "one.png"
    path.write_bytes(PNG_CONTENT[: len(PNG_CONTENT) - cut] + bytes(more))
    for reads in (measure_xray, read_xray):
        if whole:
            assert reads(path) is not None
            continue
        with pytest.raises(DataError, match="is cut short"):
            reads(path)


def test_an_error_of_the_decoder_is_a_fault_of_the_file(monkeypatch):
    def fail(*_):
        raise cv2.error("no memory")

    monkeypatch.setattr("lungseg_utils.images.cv2.imdecode", fail)
    with pytest.raises(DataError, match="one is damaged and cannot be decoded: fetch"):
        decode_xray(PNG_CONTENT, "one")


def test_one_pixel_is_an_image_that_shows_nothing():
    with pytest.raises(DataError, match="one shows nothing, all its pixels are 9"):
        decode_xray(cv2.imencode(".png", np.full((1, 1), 9, np.uint8))[1].tobytes(), "one")
