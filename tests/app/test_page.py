"""The page: it says what the plain functions say, keeps others out, and writes nothing down."""

import asyncio
import errno
import json
import random
import socket
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
from hostile import INPUTS, chest, dicom, picture
from pages import PATIENCE, SHIPPED, SMALL, served, small_networks, small_segmenter, started
from starlette.requests import Request

from lungseg_utils import pretrained
from lungseg_utils.app import page as package
from lungseg_utils.app.page import answers, examples, guard, queue, server, upload
from lungseg_utils.app.page.answers import Segmenter
from lungseg_utils.images import decode_xray
from lungseg_utils.masks import lung_areas
from lungseg_utils.overlay import outlined, to_grey_picture
from lungseg_utils.predict import LEAST_QUALITY, mask_from_square, predict
from lungseg_utils.pretrained import load_pretrained

CHEST = picture()()
CLIENTS, REQUESTS = 20, 200
# of the answers that are kept, and for what a request needs while it is worked on
MOST_GROWTH = queue.MOST_KEPT * 1.3e6 + 150e6
FOREIGN = "http://evil.example"


@pytest.fixture(scope="module")
def page():
    """The page with two small networks."""
    with served(small_segmenter) as running:
        yield running


@pytest.fixture(scope="module")
def program(tmp_path_factory):
    """The same, as a program of its own."""
    with started(SMALL, tmp_path_factory.mktemp("page")) as running:
        yield running


@pytest.fixture(scope="module")
def small():
    return small_networks()


@pytest.fixture(scope="module")
def report(page):
    return page.upload(CHEST).json()


def pixels(content: bytes) -> np.ndarray:
    return cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_UNCHANGED)


def sentence(answer) -> str:
    """The one sentence of a refusal, which gives nothing away."""
    said = answer.json()
    assert list(said) == ["error"]
    text = said["error"]
    assert 10 < len(text) < 300 and "\n" not in text
    assert not any(word in text for word in ("Traceback", "Error", ".py", "/tmp", "site-packages"))
    return text


def said_of(areas) -> list[dict]:
    return [{"image_side": area.side, "patient_side": area.patient_side, "pixels": area.pixels,
             "cm2": area.cm2} for area in areas]  # fmt: skip


def test_a_file_gets_what_the_plain_function_says(page, small, report):
    image, spacing, _ = decode_xray(CHEST, "chest")
    expected = predict(small, image, spacing)
    assert report["areas"] == said_of(expected.areas) and len(report["areas"]) > 0
    assert (report["height"], report["width"], report["spacing_mm"]) == (256, 256, None)
    assert report["warnings"] == list(expected.warnings)
    assert report["quality"] == pytest.approx(expected.quality)
    assert report["reliable"] == (expected.quality >= LEAST_QUALITY)
    assert report["cover"] == pytest.approx(expected.mask.mean())
    mask = pixels(page.ask("GET", f"/xrays/{report['token']}/mask.png").content)
    np.testing.assert_array_equal(mask, 255 * expected.mask.astype(np.uint8))


@pytest.mark.parametrize("threshold", [0.01, 0.3, 0.62, 0.99])
def test_the_threshold_moves_the_areas_the_mask_and_the_picture(page, small, report, threshold):
    image = decode_xray(CHEST, "chest").image
    square = predict(small, image).square
    mask = mask_from_square(square, image.shape, threshold)
    asked = f"/xrays/{report['token']}{{}}?threshold={threshold}"
    said = page.ask("GET", asked.format("")).json()
    assert said["areas"] == said_of(lung_areas(mask)) and said["threshold"] == threshold
    found = pixels(page.ask("GET", asked.format("/mask.png")).content)
    np.testing.assert_array_equal(found > 0, mask)
    drawn = pixels(page.ask("GET", asked.format("/overlay.png")).content)[:, :, ::-1]
    expected = outlined(to_grey_picture(image, side=960), mask)
    assert np.abs(drawn.astype(int) - expected).max() <= 1


def test_spacing_gives_cm2_and_true_proportions(page):
    content = dicom(ImagerPixelSpacing=[0.5, 1.0])()
    report = page.upload(content).json()
    xray = decode_xray(content, "one")
    assert report["spacing_mm"] == [0.5, 1.0] == list(xray.spacing_mm)
    for area in report["areas"]:
        assert area["cm2"] == pytest.approx(area["pixels"] * 0.5 * 1.0 / 100)
    drawn = pixels(page.ask("GET", f"/xrays/{report['token']}/overlay.png").content)
    assert drawn.shape == (480, 960, 3)


def test_the_least_quality_is_enough(page, report, monkeypatch):
    least = report["quality"]
    for limit, reliable in ((least, True), (float(np.nextafter(least, 1)), False)):
        monkeypatch.setattr(answers, "LEAST_QUALITY", limit)
        assert page.ask("GET", f"/xrays/{report['token']}").json()["reliable"] is reliable


def test_height_is_before_width(page):
    wide = cv2.imencode(".png", cv2.imdecode(np.frombuffer(CHEST, np.uint8), 0)[:200])[1]
    report = page.upload(wide.tobytes()).json()
    assert (report["height"], report["width"]) == (200, 256)


@pytest.mark.parametrize("number", range(len(examples.EXAMPLES)))
def test_an_example_is_answered_as_its_x_ray_would_be(page, small, number):
    answer = page.ask("POST", f"/examples/{number}")
    xray = examples.EXAMPLES[number].xray()
    expected = predict(small, xray.image, xray.spacing_mm)
    assert answer.status_code == 201
    report = answer.json()
    assert (report["height"], report["width"]) == xray.image.shape
    assert report["areas"] == said_of(expected.areas)
    assert page.ask("GET", f"/xrays/{report['token']}").json() == report


@pytest.mark.parametrize("one", INPUTS, ids=lambda one: one.name)
def test_every_odd_file_has_its_sentence(one, page, small):
    content = one.content()
    answer = page.upload(content, headers={"Content-Type": "application/octet-stream"})
    if one.error:
        assert answer.status_code == 422 and one.error in sentence(answer)
        return
    image, spacing, notes = decode_xray(content, "one")
    expected = predict(small, image, spacing)
    assert answer.status_code == 201 and answer.json()["areas"] == said_of(expected.areas)
    assert set(notes) <= set(answer.json()["warnings"])
    overlay = page.ask("GET", f"/xrays/{answer.json()['token']}/overlay.png")
    assert max(pixels(overlay.content).shape[:2]) == 960


def test_the_networks_that_ship_see_what_is_wrong_with_the_examples(tmp_path):
    networks = [load_pretrained(name) for name in pretrained.SHIPPED]
    with started(SHIPPED, tmp_path) as page:
        offered = page.ask("GET", "/examples").json()
        found = [page.ask("POST", f"/examples/{number}").json() for number in range(len(offered))]
        report = page.upload(CHEST).json()
    names = dict(zip((one["name"] for one in offered), found, strict=True))
    assert names["Normal"]["warnings"] == names["Effusion"]["warnings"] == []
    assert "rotating it by 90 degrees counterclockwise" in " ".join(names["Turned"]["warnings"])
    assert "the outline is likely to be wrong" in " ".join(names["No X-ray"]["warnings"])
    for example, said in zip(examples.EXAMPLES, found, strict=True):
        image, spacing, _ = example.xray()
        areas = predict(networks, image, spacing).areas
        for one, area in zip(said["areas"], areas, strict=True):
            assert (one["image_side"], one["pixels"]) == (area.side, pytest.approx(area.pixels, 5))
    assert report["warnings"] == [] and report["quality"] > 0.95


@pytest.mark.parametrize(
    "asked", ["nan", "inf", "-inf", "2", "-1", "0", "1", "half", "", "0,5", "1e-400", "9" * 9999]
)
@pytest.mark.parametrize("what", ["", "/mask.png", "/overlay.png"])
def test_a_threshold_that_is_none_is_refused(page, report, what, asked):
    answer = page.ask("GET", f"/xrays/{report['token']}{what}", params={"threshold": asked})
    assert answer.status_code == 422 and "from 0.01 to 0.99" in sentence(answer)


@pytest.mark.parametrize("path", ["", "/mask.png", "/overlay.png"])
def test_a_token_that_is_unknown_is_refused(page, path):
    answer = page.ask("GET", "/xrays/AAAAAAAAAAAAAAAAAAAAAA" + path)
    assert answer.status_code == 404 and "drop it again" in sentence(answer)


@pytest.mark.parametrize(
    "method, path, status",
    [("GET", "/xrays", 405), ("PUT", "/xrays", 405), ("DELETE", "/xrays/A", 405),
     ("POST", "/", 405), ("POST", "/state", 405), ("GET", "/examples/0", 405),
     ("POST", "/examples/99", 404), ("POST", "/examples/-1", 404),
     ("POST", "/examples/" + 5000 * "9", 404), ("GET", "/secret", 404),
     ("GET", "/..%2f..%2fetc%2fpasswd", 404), ("GET", "/xrays/..%2f..%2fqueue.py", 404),
     ("GET", "/queue.py", 404), ("TRACE", "/", 405)],
)  # fmt: skip
def test_what_is_not_there_is_refused(page, method, path, status):
    answer = page.ask(method, path)
    assert answer.status_code == status and sentence(answer)


def test_names_in_a_request_are_not_used(program):
    names = {"X-File-Name": "../../secret.png", "Content-Disposition": 'filename="../secret.png"'}
    answer = program.ask("POST", "/xrays?name=../../secret.png", data=CHEST, headers=names)
    assert answer.status_code == 201 and "secret" not in answer.text
    assert program.left_behind() == []


def test_multipart_is_not_taken_apart(page):
    answer = page.ask("POST", "/xrays", files={"file": ("../secret.png", CHEST)})
    assert answer.status_code == 422 and "PNG, JPEG, TIFF or DICOM" in sentence(answer)


def raw(page, request: bytes, *parts: bytes) -> tuple[int, str]:
    """Status and body of what comes back on a connection of its own."""
    with socket.create_connection(("127.0.0.1", page.port), timeout=min(30, PATIENCE)) as line:
        line.sendall(request)
        for part in parts:
            line.sendall(part)
        answer = b""
        while b"}" not in answer and (received := line.recv(4096)):
            answer += received
    head, _, body = answer.partition(b"\r\n\r\n")
    return int(head.split()[1]), body.decode()


def post(page, *headers: str) -> bytes:
    lines = ["POST /xrays HTTP/1.1", f"Host: 127.0.0.1:{page.port}", *headers, "", ""]
    return "\r\n".join(lines).encode()


def test_a_length_that_is_too_large_is_refused_before_anything_is_read(program):
    before = program.memory("VmRSS") if sys.platform == "linux" else 0
    status, said = raw(program, post(program, "Content-Length: 10000000000"))
    assert status == 413 and "larger than 64 MB" in json.loads(said)["error"]
    if before:
        assert program.memory("VmRSS") < before + 20e6


def test_a_body_without_a_length_is_cut_off_at_the_limit(page):
    piece = bytes(2**20)
    answer = page.upload(piece for _ in range(65))
    assert answer.status_code == 413 and "larger than 64 MB" in sentence(answer)


def test_a_body_at_the_limit_is_read(page):
    answer = page.upload(CHEST + bytes(upload.MOST_UPLOAD_BYTES - len(CHEST)))
    assert answer.status_code == 201, "a PNG is one whatever comes behind its end"
    answer = page.upload(bytes(upload.MOST_UPLOAD_BYTES + 1))
    assert answer.status_code == 413 and "larger than 64 MB" in sentence(answer)


def test_a_body_that_never_comes_leaves_the_page_alone(page):
    with socket.create_connection(("127.0.0.1", page.port)) as line:
        line.sendall(post(page, f"Content-Length: {len(CHEST)}") + CHEST[:100])
    assert page.upload(CHEST).status_code == 201


@pytest.mark.parametrize("host", ["evil.example", "evil.example:{port}", "127.0.0.1", "127.0.0.1:1",
                                  "127.0.0.1.evil.example:{port}", "localhost@evil:{port}", "",
                                  "10.0.0.1:{port}", "[::2]:{port}"])  # fmt: skip
@pytest.mark.parametrize("path", ["/", "/state", "/xrays"])
def test_a_foreign_host_is_refused(page, host, path):
    asked = host.format(port=page.port)
    method = "POST" if path == "/xrays" else "GET"
    answer = page.ask(method, path, headers={"Host": asked})
    assert answer.status_code == 400 and "not at the address" in sentence(answer)


@pytest.mark.parametrize("name", ["127.0.0.1", "localhost", "LocalHost", "[::1]"])
def test_the_names_of_loopback_are_its_own(page, name):
    own = f"{name}:{page.port}"
    answer = page.upload(CHEST, headers={"Host": own, "Origin": f"http://{own}"})
    assert answer.status_code == 201


@pytest.mark.parametrize(
    "headers",
    [{"Origin": FOREIGN}, {"Origin": "null"}, {"Origin": "http://127.0.0.1:1"},
     {"Origin": "https://127.0.0.1:{port}"}, {"Origin": "http://localhost:{port}"},
     {"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-site"},
     {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}],
    ids=lambda headers: " ".join(headers.values()),
)  # fmt: skip
def test_another_site_is_refused(page, headers):
    filled = {name: value.format(port=page.port) for name, value in headers.items()}
    for path in ("/xrays", "/examples/0"):
        answer = page.ask("POST", path, data=CHEST, headers=filled)
        assert answer.status_code == 403 and "another site" in sentence(answer)


@pytest.mark.parametrize(
    "method, headers, refused",
    [("POST", {}, False), ("POST", {"sec-fetch-site": "same-origin"}, False),
     ("POST", {"sec-fetch-site": "none"}, False), ("POST", {"sec-fetch-site": "same-site"}, True),
     ("POST", {"origin": "http://localhost:1"}, False), ("POST", {"origin": "http://a:1"}, True),
     ("GET", {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate"}, False),
     ("GET", {"sec-fetch-site": "cross-site"}, True)],
)  # fmt: skip
def test_who_may_ask(method, headers, refused):
    sent = {"host": "localhost:1", **headers}
    pairs = [(name.encode(), value.encode()) for name, value in sent.items()]
    scope = {"type": "http", "method": method, "headers": pairs}
    answer = guard.Guard(None, "127.0.0.1", 1).refusal(scope)
    assert (answer.status_code if answer else None) == (403 if refused else None)


def test_another_site_may_link_to_the_page_but_not_use_it(page):
    link = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}
    assert page.ask("GET", "/", headers=link).status_code == 200
    picture = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors"}
    assert page.ask("GET", "/", headers=picture).status_code == 403


def test_every_answer_forbids_what_the_page_does_not_need(page, report):
    paths = ("/", "/page.js", "/style.css", "/state", "/nothing", f"/xrays/{report['token']}")
    for path in paths:
        headers = page.ask("GET", path).headers
        assert "default-src 'none'" in headers["Content-Security-Policy"]
        assert "unsafe" not in headers["Content-Security-Policy"]
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Referrer-Policy"] == "no-referrer"
        assert headers["Cache-Control"] == "no-store"
        assert "server" not in headers and "access-control-allow-origin" not in headers


def test_the_page_names_the_limit_of_the_package(page):
    assert f"Below {LEAST_QUALITY:.2f} do not rely" in page.ask("GET", "/").text


def test_the_page_names_no_other_host(page):
    for path in ("/", "/page.js", "/style.css"):
        text = page.ask("GET", path).text.replace("http://www.w3.org/2000/svg", "")
        assert "//" not in text.replace("// ", "") and "innerHTML" not in text


def test_many_at_once_are_each_answered_and_memory_is_bounded(program, small):
    """Two rounds: the second meets a full store, and must not make the page grow."""
    rng = random.Random(0)
    image = cv2.resize(chest(), (640, 600)) / np.float32(255)
    tones = (np.round(255 * image**gamma).astype(np.uint8) for gamma in np.linspace(0.4, 2, 8))
    good = [cv2.imencode(".png", tone)[1].tobytes() for tone in tones]
    expected = [said_of(predict(small, decode_xray(one, "").image).areas)
                for one in good]  # fmt: skip
    assert len({json.dumps(areas) for areas in expected}) == len(good)
    bad = [one for one in INPUTS if one.error and one.name != "bomb.png"]
    contents = [(one, one.content()) for one in bad]
    program.upload(good[0])
    before = program.memory("VmRSS") if sys.platform == "linux" else 0

    def client(number: int) -> None:
        if number % 4 == 3:
            one, content = contents[number % len(contents)]
            answer = program.upload(content)
            assert answer.status_code == 422 and one.error in sentence(answer)
            return
        which = number % len(good)
        report = program.upload(good[which]).json()
        assert report["areas"] == expected[which]
        asked = f"/xrays/{report['token']}?threshold={0.2 + 0.05 * which}"
        assert program.ask("GET", asked).json()["threshold"] == 0.2 + 0.05 * which

    grown = []
    for _ in range(2):
        numbers = rng.sample(range(REQUESTS), REQUESTS)
        with ThreadPoolExecutor(CLIENTS) as crowd:
            assert len(list(crowd.map(client, numbers))) == REQUESTS
        grown.append(program.memory("VmRSS") - before if before else 0)
    if before:
        print(f"grown by {grown} bytes, at most {program.memory('VmHWM') - before}")
        assert program.memory("VmHWM") - before < MOST_GROWTH
        assert grown[1] - grown[0] < 40e6
    assert program.left_behind() == []


def request_with(chunks, headers=()) -> Request:
    messages = [{"type": "http.request", "body": chunk, "more_body": True} for chunk in chunks]
    messages.append({"type": "http.request", "body": b"", "more_body": False})

    async def receive():
        await asyncio.sleep(0)
        return messages.pop(0) if messages else await asyncio.sleep(3600)

    return Request({"type": "http", "method": "POST", "headers": list(headers)}, receive)


def test_what_nobody_has_asked_for_longest_is_forgotten(monkeypatch):
    monkeypatch.setattr(queue, "MOST_KEPT", 2)
    one = queue.Queue(lambda: None)
    first, second = one.keep("a"), one.keep("b")
    assert one.kept(first) == "a"
    third = one.keep("c")
    assert (one.kept(first), one.kept(third)) == ("a", "c")
    with pytest.raises(queue.HTTPException, match="drop it again"):
        one.kept(second)


def test_a_failure_inside_is_told_without_what_is_in_the_file(capsys):
    def fail(segmenter):
        raise KeyError("secret")

    with pytest.raises(queue.HTTPException, match="the program failed"):
        queue._explained(fail, None)
    told = capsys.readouterr().err
    assert "KeyError" in told and "in fail" in told and "secret" not in told.split("in fail")[0]


@pytest.mark.parametrize(
    "asked, host, port, own",
    [("127.0.0.1:8501", "127.0.0.1", 8501, True), ("localhost:8501", "127.0.0.1", 8501, True),
     ("localhost", "127.0.0.1", 80, True), ("localhost", "127.0.0.1", 8501, False),
     ("192.168.1.5:8501", "127.0.0.1", 8501, False), ("192.168.1.5:8501", "0.0.0.0", 8501, True),
     ("evil.example:8501", "0.0.0.0", 8501, False), ("[fe80::1]:8501", "::", 8501, True),
     ("[fe80::1]:8501", "fe80::1", 8501, True), ("[fe80::2]:8501", "::1", 8501, False),
     (f"{socket.gethostname()}:8501", "0.0.0.0", 8501, True),
     ("lab.example:8501", "lab.example", 8501, True), ("x:99999999", "x", 99999999, False)],
)  # fmt: skip
def test_which_names_are_its_own(asked, host, port, own):
    assert guard.is_own(asked, host, port) is own


def test_a_port_that_is_taken_is_passed_over():
    with server.listen("127.0.0.1", 0) as taken:
        port = taken.getsockname()[1]
        with server.listen("127.0.0.1", port) as other:
            assert port < other.getsockname()[1] < port + server.PORTS


@pytest.mark.parametrize(
    "host, port, error, says",
    [("127.0.0.1", 65536, ValueError, "is not a port"),
     ("127.0.0.1", -1, ValueError, "is not a port"),
     ("203.0.113.9", 0, OSError, "not an address of this machine"),
     ("..", 0, OSError, "not an address of this machine")],
)  # fmt: skip
def test_an_address_that_is_none_is_told_in_one_sentence(host, port, error, says):
    with pytest.raises(error, match=says):
        server.listen(host, port)


def test_all_ports_taken(monkeypatch):
    monkeypatch.setattr(server, "PORTS", 1)
    with server.listen("127.0.0.1", 0) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(OSError, match=f"the ports {port} to {port} are taken"):
            server.listen("127.0.0.1", port)


def test_the_terminal_says_where_the_page_is_and_who_can_reach_it():
    own = "\n".join(server.greeting("127.0.0.1", 8501, 8502))
    assert "Port 8501 is taken" in own and "http://127.0.0.1:8502" in own
    assert "only users of this computer" in own and "Ctrl-C" in own
    assert "taken" not in "".join(server.greeting("127.0.0.1", 0, 8502))
    for host, shown in {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.items():
        open_to_all = "\n".join(server.greeting(host, 8501, 8501))
        assert f"http://{shown}:8501" in open_to_all and "WARNING" in open_to_all
        assert "Anyone on your network" in open_to_all and "only users" not in open_to_all


@pytest.mark.parametrize("missing", ["starlette", "uvicorn"])
def test_a_package_that_is_missing_is_named(missing):
    code = (
        f"import sys; sys.modules[{missing!r}] = None\n"
        "from lungseg_utils.app.page import serve\n"
        "try: serve()\nexcept ValueError as error: print(error)"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout == (
        f'the page needs {missing}, which is missing: pip install "lungseg-utils[serve]"\n'
    )


def test_tensorflow_is_not_loaded_before_the_page_is_there():
    code = "import sys, lungseg_utils.app.page.server; print('tensorflow' in sys.modules)"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout == "False\n"


def test_the_page_is_part_of_the_package():
    folder = Path(package.__file__).parent
    for name in ("index.html", "style.css", "page.js"):
        assert (folder / name).stat().st_size > 1000
    assert threading.active_count() < 50


REFUSALS = {
    ("GET", "/secret"): (404, "there is nothing at this address: open the page itself"),
    ("PUT", "/xrays"): (405, "this address is not for that: open the page itself"),
    ("POST", "/examples/4"): (404, "there are 4 examples: the first is 0"),
    ("GET", "/xrays/none"): (404, "this X-ray is no longer in memory: drop it again"),
    ("GET", "/xrays/TOKEN?threshold=0.009"): (
        422, "the threshold must be a number from 0.01 to 0.99"),
    ("GET", "/xrays/TOKEN/mask.png?threshold=0.991"): (
        422, "the threshold must be a number from 0.01 to 0.99"),
    ("POST", "/xrays"): (422, "the file is empty: fetch or export it again"),
}  # fmt: skip


@pytest.mark.parametrize("method, path", REFUSALS, ids=str)
def test_a_refusal_is_one_whole_sentence(page, report, method, path):
    answer = page.ask(method, path.replace("TOKEN", report["token"]))
    status, said = REFUSALS[method, path]
    assert (answer.status_code, answer.json()) == (status, {"error": said})


def test_what_the_guard_refuses_is_told_and_the_line_is_closed(page):
    elsewhere = page.ask("GET", "/state", headers={"Host": "evil.example"})
    said = "this page is not at the address that was asked for: use the one that the terminal shows"
    assert (elsewhere.status_code, elsewhere.json()) == (400, {"error": said})
    another = page.ask("GET", "/state", headers={"Origin": FOREIGN})
    said = "another site asked, not this page: open the page itself"
    assert (another.status_code, another.json()) == (403, {"error": said})
    assert elsewhere.headers["Connection"] == another.headers["Connection"] == "close"


def test_two_hosts_are_no_host(page):
    lines = ["GET /state HTTP/1.1", f"Host: 127.0.0.1:{page.port}", "Host: evil.example", "", ""]
    assert raw(page, "\r\n".join(lines).encode())[0] == 400


def test_the_ends_of_the_threshold_are_allowed(page, report):
    for threshold in (0.01, 0.99):
        said = page.ask("GET", f"/xrays/{report['token']}?threshold={threshold}").json()
        assert said["threshold"] == threshold
    assert report["threshold"] == 0.5 and set(report) == {
        "token", "height", "width", "spacing_mm", "threshold", "areas", "cover", "quality",
        "reliable", "warnings",
    }  # fmt: skip


def test_the_state_and_the_examples_are_what_the_page_needs(page):
    assert page.ask("GET", "/state").json() == {
        "ready": True, "problem": "", "most_bytes": 64 * 2**20, "most_pixels": 10**8,
    }  # fmt: skip
    assert page.ask("GET", "/examples").json() == [
        {"name": one.name, "says": one.says} for one in examples.EXAMPLES
    ]


@pytest.mark.parametrize(
    "path, name, kind",
    [("/", "index.html", "text/html"), ("/style.css", "style.css", "text/css"),
     ("/page.js", "page.js", "text/javascript")],
)  # fmt: skip
def test_the_files_of_the_page_are_sent_as_they_are(page, path, name, kind):
    answer = page.ask("GET", path)
    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == f"{kind}; charset=utf-8"
    assert answer.content == Path(package.__file__).with_name(name).read_bytes()


def test_pictures_are_png_and_every_answer_has_a_token_of_its_own(page):
    tokens = {page.upload(CHEST).json()["token"] for _ in range(3)}
    assert len(tokens) == 3
    for name in ("mask.png", "overlay.png"):
        answer = page.ask("GET", f"/xrays/{next(iter(tokens))}/{name}")
        assert answer.headers["Content-Type"] == "image/png"


def test_every_header_of_an_answer(page):
    headers = page.ask("GET", "/").headers
    assert {name: headers[name] for name in guard.ANSWER_HEADERS} == guard.ANSWER_HEADERS


def test_a_failure_inside_is_an_answer_and_the_page_goes_on(page, monkeypatch):
    monkeypatch.setattr(Segmenter, "file", lambda *_: 1 / 0)
    answer = page.upload(CHEST)
    said = "the program failed on this X-ray, and the terminal shows where: try another file"
    assert (answer.status_code, answer.json()) == (500, {"error": said})
    monkeypatch.undo()
    assert page.upload(CHEST).status_code == 201


def test_whoever_has_left_is_not_worked_for():
    class Gone(Request):
        async def is_disconnected(self):
            return True

    async def ask():
        one = queue.Queue(lambda: "networks")
        await one.open()
        assert await one.do(request_with([]), lambda segmenter: segmenter) == "networks"
        with pytest.raises(queue.HTTPException) as caught:
            await one.do(Gone({"type": "http", "headers": []}), lambda _: pytest.fail("worked"))
        return caught.value

    error = asyncio.run(ask())
    assert (error.status_code, error.detail) == (499, "nobody waits for this any more")


def test_networks_that_failed_are_told_to_whoever_asks(capsys):
    def load():
        raise ValueError("no weights")

    async def ask():
        one = queue.Queue(load)
        await one.open()
        with pytest.raises(queue.HTTPException) as caught:
            await one.do(request_with([]), lambda segmenter: segmenter)
        return caught.value, one.problem

    error, problem = asyncio.run(ask())
    assert problem == error.detail == "the networks cannot be loaded: no weights"
    assert error.status_code == 503 and capsys.readouterr().err == f"{problem}\n"


def test_one_is_served_after_the_other_in_the_order_in_which_they_asked():
    begun, ended = [], []

    async def ask():
        one = queue.Queue(lambda: None)
        one.segmenter = "networks"

        def job(number):
            begun.append(number)
            assert len(begun) == len(ended) + 1, "one at a time"
            ended.append(number)
            return number

        requests = [one.do(request_with([]), lambda _, n=n: job(n)) for n in range(8)]
        return await asyncio.gather(*requests)

    assert asyncio.run(ask()) == begun == list(range(8))


@pytest.mark.parametrize("length, fine", [("10", True), ("11", False), (None, True)])
def test_a_body_of_the_limit_is_read_whole(length, fine, monkeypatch):
    monkeypatch.setattr(upload, "MOST_UPLOAD_BYTES", 10)
    headers = [(b"content-length", length.encode())] if length else []
    read = upload.read_body(request_with([b"01234", b"56789"], headers))
    if fine:
        assert asyncio.run(read) == b"0123456789"
        return
    with pytest.raises(upload.Unread) as caught:
        asyncio.run(read)
    assert (caught.value.status_code, caught.value.detail) == (413, upload.TOO_LARGE)
    assert upload.TOO_LARGE.startswith("the file is larger than 64 MB: export the X-ray alone")


def test_a_body_one_byte_too_long_is_refused_as_it_comes(monkeypatch):
    monkeypatch.setattr(upload, "MOST_UPLOAD_BYTES", 9)
    with pytest.raises(upload.Unread):
        asyncio.run(upload.read_body(request_with([b"01234", b"56789"])))


def test_the_examples_are_what_they_say():
    normal, effusion, turned, text = (one.xray() for one in examples.EXAMPLES)
    assert normal.image.shape == effusion.image.shape == turned.image.shape == (1024, 1024)
    assert normal.image.max() <= 1 and normal.image.dtype == np.float32
    plain = examples.patient(28)
    np.testing.assert_array_equal(np.rot90(turned.image), plain.image)
    assert turned.spacing_mm == plain.spacing_mm[::-1]
    made = examples.simulate(11, 30, 1024)
    expected = 0.0875 * made.native_height / 1024, 0.0875 * made.native_width / 1024
    assert normal.spacing_mm == pytest.approx(expected)
    assert text.spacing_mm is None and text.image.shape == (960, 800)
    assert 0.02 < (text.image < 0.5).mean() < 0.3 and text.image.max() == 1
    assert examples.report() is text and examples.patient(30) is normal


def test_the_networks_are_warm_before_the_first_x_ray(monkeypatch):
    asked = []
    monkeypatch.setattr(answers, "load_networks", lambda: ["a network"])
    monkeypatch.setattr(answers, "predict", lambda *what: asked.append(what))
    assert answers.warm_networks() == ["a network"]
    ((networks, image),) = asked
    assert networks == ["a network"] and image.shape == (256, 256) and image.dtype == np.float32
    assert image.min() < image.max(), "a picture that shows nothing has no mask to be warm for"


def test_the_browser_opens_where_the_page_is(monkeypatch):
    """And does not keep the program from ending."""
    opened, ports, tried = [], [], threading.Event()

    def open_browser(place):
        opened.append((place, threading.current_thread().daemon))
        tried.set()

    def run(server, sockets):
        ports.append(sockets[0].getsockname()[1])

    monkeypatch.setattr(server.webbrowser, "open", open_browser)
    monkeypatch.setattr(server.uvicorn.Server, "run", run)
    for wanted in (True, False):
        server.serve_forever(lambda: None, "127.0.0.1", 0, wanted)
    assert tried.wait(5)
    assert opened == [(f"http://127.0.0.1:{ports[0]}", True)]


def test_what_the_terminal_says_is_said_at_once(monkeypatch):
    """Where it is read by a program, and not by a person, too."""
    did = []
    monkeypatch.setattr(server.uvicorn.Server, "run", lambda *_, **__: did.append("run"))
    terminal = SimpleNamespace(write=did.append, flush=lambda: did.append("flush"))
    monkeypatch.setattr(sys, "stdout", terminal)
    server.serve_forever(lambda: None, "127.0.0.1", 0, False)
    assert did[did.index("run") - 1] == "flush" == did[-1]


@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0"])
def test_the_server_is_for_its_own_address_and_ends_with_a_word(host, monkeypatch, capsys):
    seen = []

    class Server:
        def __init__(self, config):
            self.config = config

        def run(self, sockets):
            seen.append((self.config, sockets, sockets[0].getsockname()))
            raise KeyboardInterrupt

    monkeypatch.setattr(server.uvicorn, "Server", Server)
    server.serve_forever(lambda: None, host, 0, False)
    ((config, (listener,), (bound, port)),) = seen
    assert (bound, config.app.host, config.app.port) == (host, host, port)
    assert (config.http, config.ws, config.log_config) == ("h11", "none", None)
    assert (config.access_log, config.server_header) == (False, False), "leaves no trace"
    assert config.timeout_graceful_shutdown == server.SHUTDOWN_PATIENCE
    assert listener.fileno() == -1, "the address is still taken"
    greeting = server.greeting(host, 0, port)
    assert capsys.readouterr().out.splitlines() == [
        *greeting, "Stopped. What was in memory is gone."
    ]  # fmt: skip


@pytest.mark.parametrize(
    "host, port, place",
    [("127.0.0.1", 1, "http://127.0.0.1:1"), ("0.0.0.0", 1, "http://127.0.0.1:1"),
     ("::", 1, "http://[::1]:1"), ("::1", 1, "http://[::1]:1"), ("lab", 2, "http://lab:2")],
)  # fmt: skip
def test_the_address_is_what_to_type_into_a_browser(host, port, place):
    assert server.address(host, port) == place


@pytest.mark.parametrize(
    "host, inside",
    [("localhost", True), ("127.0.0.1", True), ("127.9.9.9", True), ("::1", True),
     ("0.0.0.0", False), ("192.168.1.5", False), ("evil.example", False), ("localhost.x", False)],
)  # fmt: skip
def test_which_addresses_stay_in_this_computer(host, inside):
    assert guard.is_loopback(host) is inside


@pytest.mark.parametrize(
    "host, port, code, tried, says",
    [("::1", 65530, errno.EADDRINUSE, range(65530, 65536), "the ports 65530 to 65535 are taken: "
      "name another with --port"),
     ("127.0.0.1", 8501, errno.EADDRINUSE, range(8501, 8501 + server.PORTS),
      f"the ports 8501 to {8500 + server.PORTS} are taken: name another with --port"),
     ("127.0.0.1", 80, errno.EACCES, [80], "port 80 is reserved: use a number from 1024 to 65535"),
     ("10.9.9.9", 8501, errno.EADDRNOTAVAIL, [8501],
      "10.9.9.9 is not an address of this machine: leave out --host"),
     ("127.0.0.1", 8501, errno.EIO, [8501], "[Errno 5] else")],
)  # fmt: skip
def test_which_ports_are_tried(host, port, code, tried, says, monkeypatch):
    asked = []

    def create(address, family, backlog):
        asked.append((*address, family))
        raise OSError(code, "else")

    monkeypatch.setattr(server.socket, "create_server", create)
    with pytest.raises(OSError) as caught:
        server.listen(host, port)
    family = socket.AF_INET6 if host == "::1" else socket.AF_INET
    assert asked == [(host, one, family) for one in tried]
    assert str(caught.value) == says


def test_a_name_that_is_none_is_told():
    with pytest.raises(OSError) as caught:
        server.listen("no such host", 8501)
    assert str(caught.value) == "no such host is not an address of this machine: leave out --host"


def test_the_greeting_in_full():
    end = "X-rays are held in memory and never written to disk. Ctrl-C ends it."
    own = "It listens on 127.0.0.1: only users of this computer can reach it."
    place = "The page is at http://127.0.0.1:9"
    assert server.greeting("127.0.0.1", 9, 9) == [place, own, end]
    assert server.greeting("127.0.0.1", 0, 9) == [place, own, end]
    taken = "Port 8 is taken, so the page is on port 9."
    assert server.greeting("127.0.0.1", 8, 9) == [taken, place, own, end]
    warning = ("WARNING: it listens on 0.0.0.0. Anyone on your network can open the page, and "
               "can see the X-rays on their way, since nothing is encrypted.")  # fmt: skip
    assert server.greeting("0.0.0.0", 9, 9) == [place, warning, end]
