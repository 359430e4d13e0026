"""Ways to break a set of radiographs: each returns a function that breaks the set in a folder."""

import os
import shutil
import struct
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np
from sets import HEADER, write_png

Break = Callable[[Path], object]


def remove(path: str) -> Break:
    return lambda root: (shutil.rmtree if (root / path).is_dir() else os.remove)(root / path)


def rename(path: str, to: str) -> Break:
    return lambda root: (root / path).rename(root / to)


def copy(path: str, to: str) -> Break:
    return lambda root: shutil.copy(root / path, root / to)


def empty_folder(path: str) -> Break:
    return lambda root: [file.unlink() for file in (root / path).iterdir()]


def new_folder(path: str) -> Break:
    return lambda root: (root / path).mkdir()


def write(path: str, content: bytes) -> Break:
    return lambda root: (root / path).write_bytes(content)


def edit(path: str, change: Callable[[bytes], bytes]) -> Break:
    return lambda root: (root / path).write_bytes(change((root / path).read_bytes()))


def replace(path: str, old: bytes, new: bytes) -> Break:
    def change(content: bytes) -> bytes:
        assert old in content
        return content.replace(old, new, 1)

    return edit(path, change)


def cell(column: str, text: str) -> Break:
    """Write another text into the first row of metadata.csv."""

    def change(content: bytes) -> bytes:
        header, first, *others = content.decode().split("\n")
        cells = dict(zip(HEADER.split(","), first.split(","), strict=True)) | {column: text}
        return "\n".join([header, ",".join(cells.values()), *others]).encode()

    return edit("metadata.csv", change)


def add_row(row: str) -> Break:
    return edit("metadata.csv", lambda content: content + row.encode() + b"\n")


def add_unknown_values(root: Path) -> None:
    for column, text in (("age", "?"), ("sex", ""), ("abnormal", ""), ("native_spacing_mm", "?")):
        cell(column, text)(root)


def drop_row(content: bytes) -> bytes:
    header, _, others = content.split(b"\n", 2)
    return header + b"\n" + others


def set_variable(name: str, value: Callable[[Path], object]) -> Break:
    """Set an environment variable; the test that calls it has to restore it."""
    return lambda root: os.environ.update({name: str(value(root))})


def draw(path: str, change: Callable[[np.ndarray], np.ndarray]) -> Break:
    def broken(root: Path) -> None:
        write_png(root / path, change(cv2.imread(str(root / path), cv2.IMREAD_UNCHANGED)))

    return broken


def bilinear(mask: np.ndarray) -> np.ndarray:
    """A mask resized as one resizes pictures."""
    return cv2.resize(cv2.resize(mask, None, fx=0.7, fy=0.7), mask.shape[::-1])


def pink(mask: np.ndarray) -> np.ndarray:
    return np.stack([mask, mask // 2, mask], axis=2)


def as_jpeg(content: bytes) -> bytes:
    pixels = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_UNCHANGED)
    return cv2.imencode(".jpg", pixels)[1].tobytes()


def flip_a_bit(content: bytes) -> bytes:
    place = content.index(b"IDAT") + 20
    return content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :]


def rebuild(path: str, kind: bytes, change: Callable[[bytes], bytes]) -> Break:
    """Change the data of one kind of chunk of a PNG and give it the right checksum."""

    def rebuilt(content: bytes) -> bytes:
        parts = [(name, change(data) if name == kind else data) for name, data in chunks(content)]
        return content[:8] + b"".join(chunk(name, data) for name, data in parts)

    return edit(path, rebuilt)


def claim(path: str, height: int, width: int) -> Break:
    """Let the header name another size than the data has."""
    return rebuild(path, b"IHDR", lambda data: struct.pack(">II", width, height) + data[8:])


def half_the_rows(data: bytes) -> bytes:
    rows = zlib.decompress(data)
    return zlib.compress(rows[: len(rows) // 2])


def bomb(path: str, side: int) -> Break:
    """A small file of black pixels that fills the memory when it is decoded."""

    def exploded(content: bytes) -> bytes:
        squash = zlib.compressobj()
        row = bytes(1 + side)
        data = b"".join(squash.compress(row) for _ in range(side)) + squash.flush()
        header = struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)
        parts = (b"IHDR", header), (b"IDAT", data), (b"IEND", b"")
        return content[:8] + b"".join(chunk(name, data) for name, data in parts)

    return edit(path, exploded)


def chunks(content: bytes) -> Iterator[tuple[bytes, bytes]]:
    place = 8
    while place < len(content):
        (length,) = struct.unpack(">I", content[place : place + 4])
        yield content[place + 4 : place + 8], content[place + 8 : place + 8 + length]
        place += 12 + length


def chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
