"""The lung finder on files as people have them: it says what Python says, and sends nothing."""

import functools

import numpy as np
import pytest
from finder import compared
from hostile import INPUTS, picture

from lungseg_utils.app.networks import load_networks
from lungseg_utils.images import decode_xray, read_xray
from lungseg_utils.phantom import simulate
from lungseg_utils.predict import predict
from lungseg_utils.types import DataError

CANNOT = "which this page cannot read: lungseg predict"  # the command that can
SEED, SIMULATED = 4, 10
networks = functools.cache(load_networks)


@pytest.fixture(scope="module")
def shared(opened):
    """One window for all files, as people use it."""
    return opened()


@pytest.mark.parametrize("one", INPUTS, ids=lambda one: one.name)
def test_every_odd_file_has_its_sentence(one, shared):
    content = one.content()
    said = shared.ask((one.name, content))
    try:
        xray = decode_xray(content, one.name)
    except DataError as error:
        assert said.error == str(error) or CANNOT in said.error
        return
    found = predict(networks(), xray.image, xray.spacing_mm, notes=xray.notes)
    assert not said.error and said.warnings == list(found.warnings)
    assert said.areas.keys() == {area.side for area in found.areas}
    for area in found.areas:
        pixels, cm2 = said.areas[area.side]
        assert pixels == pytest.approx(area.pixels, rel=0.003)
        assert (cm2 is None) == (area.cm2 is None) and cm2 == pytest.approx(area.cm2, abs=0.06)
    assert (said.quality is None) == (found.quality is None)
    assert said.quality == pytest.approx(found.quality, abs=0.006)


def within_the_bars(rows: list[dict]) -> None:
    masks = [row["dice"] for row in rows]
    assert np.mean(masks) >= 0.9995 and min(masks) >= 0.998
    assert max(row["area"] for row in rows) <= 0.001
    assert max(row["quality"] for row in rows) <= 0.005
    assert all(row["same_warnings"] for row in rows)


def test_simulated_x_rays_get_the_masks_that_python_gives(shared):
    rows = []
    for index in range(SIMULATED):
        image = simulate(SEED, index, 512).image
        content = picture(lambda _, image=image: image)()
        xray = decode_xray(content, "one")
        rows.append(compared(shared, networks(), (f"{index}.png", content), xray))
    within_the_bars(rows)


@pytest.mark.real
def test_real_x_rays_get_the_masks_that_python_gives(shared, real_data):
    native = sorted((real_data / "montgomery_full/CXR_png").glob("*.png"))[:3]
    jsrt = sorted((real_data / "jsrt_224").rglob("*.png"))[:6]
    rows = [compared(shared, networks(), path, read_xray(path)) for path in (*native, *jsrt)]
    within_the_bars(rows)


def test_a_file_is_not_opened_if_it_is_too_large(shared, tmp_path):
    huge = tmp_path / "huge.png"
    with huge.open("wb") as file:
        file.truncate(513 * 2**20)
    said = shared.ask(huge)
    assert said.error == "huge.png is larger than 512 MB: export the X-ray alone"


def test_nothing_leaves_the_page(opened, requests):
    """Not a request is made for a file, nor a name told; the policy forbids what is forgotten."""
    window = opened()
    before = len(requests)
    window.ask(("secret.png", picture()()))
    window.ask(("bad.png", b"no X-ray"))
    window.mask()
    assert [url for url in requests[before:] if not url.startswith("blob:")] == []
    assert window.page.evaluate("typeof fetch") == "function"
    blocked = window.page.evaluate(
        "fetch('http://127.0.0.1:9/').then(() => 'sent', error => error.message)"
    )
    assert blocked == "Failed to fetch"
    policy = window.page.locator("meta[http-equiv=Content-Security-Policy]").get_attribute(
        "content"
    )
    assert "default-src 'none'" in policy and "unsafe-inline" not in policy
    assert "http" not in policy and "'unsafe-eval'" not in policy
