"""Where notebooks and the terminal start: what is picked, said, and costs to import."""

import logging
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from textwrap import dedent

import pytest
import systems
from sets import NAMES, bare_record, write_set

import lungseg_utils
from lungseg_utils import start
from lungseg_utils.app.terminal import main
from lungseg_utils.radiographs import load_records
from lungseg_utils.splits import split_by_patient


@pytest.fixture
def home(tmp_path: Path, monkeypatch) -> Path:
    """An empty home, and no choice made yet."""
    monkeypatch.setenv("LUNGSEG_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("LUNGSEG_SCALE", "ci")
    monkeypatch.delenv("LUNGSEG_DATA", raising=False)
    return tmp_path / "home"


@pytest.fixture
def small_simulation(monkeypatch):
    """What `begin` simulates where it finds no data, made smaller."""
    monkeypatch.setattr(start, "SIMULATED_SIZE", 64)
    monkeypatch.setitem(start.IMAGES, "ci", 3)


def python(code: str) -> str:
    """What a fresh interpreter prints."""
    root = Path(lungseg_utils.__file__).parent.parent
    return subprocess.check_output([sys.executable, "-c", code], text=True, cwd=root)


def test_import_leaves_tensorflow_alone():
    code = """
        import sys, lungseg_utils.start, lungseg_utils.splits, lungseg_utils.__main__
        print([name for name in ("tensorflow", "keras", "torch", "jax") if name in sys.modules])
    """
    assert python(dedent(code)) == "[]\n"


def test_import_is_quick():
    code = """
        import time
        began = time.perf_counter()
        import lungseg_utils
        print(time.perf_counter() - began)
    """
    assert min(float(python(dedent(code))) for _ in range(3)) < 0.3


def test_tensorflow_says_nothing_red(home, tmp_path, monkeypatch):
    monkeypatch.setenv("LUNGSEG_DATA", str(write_set(tmp_path / "set")))
    monkeypatch.delenv("TF_CPP_MIN_LOG_LEVEL", raising=False)
    code = """
        import os
        from lungseg_utils import start
        start.begin()
        import keras
        keras.ops.convert_to_numpy(keras.ops.ones(3))
        os.write(2, b"stderr is back")
    """
    command = [sys.executable, "-c", dedent(code)]
    said = subprocess.run(command, capture_output=True, text=True, check=True)
    assert said.stderr == "stderr is back"


def test_readers_own_data_comes_first(home, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("LUNGSEG_DATA", str(write_set(tmp_path / "my x-rays")))
    course = start.begin()
    assert [record.name for record in course.records] == list(NAMES)
    assert (course.scale, course.home) == ("ci", home)
    said = capsys.readouterr().out
    assert "Data: the set in my x-rays, 4 radiographs of 4 patients.\n" in said
    assert "Size of run: ci." in said
    assert course.data in said


TYPED = [
    "my x-rays",
    "./my x-rays/",
    "~/my x-rays",
    '"my x-rays"',
    "'~/my x-rays/'",
    " my x-rays\n",
    '" my x-rays"',
    "my\\ x-rays",
    ".\\my x-rays\\",
    '"here\\..\\my x-rays"',
    "“my x-rays”",
    "„my x-rays“",
    "« ~/my x-rays »",
    "\u2018my x-rays\u2019",
    "file://{}/my%20x-rays",
    "'FILE://{}/my%20x-rays/'",
]
ELSEWHERE = ["", " ", '""', "''"]  # as if it were not set


@pytest.fixture
def typing(home, tmp_path, monkeypatch) -> Path:
    """A folder to type the name of a set in, which lies there and is at home there."""
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    return write_set(tmp_path / "my x-rays")


@pytest.mark.parametrize("way", TYPED)
def test_data_may_be_named_in_short(way, typing, monkeypatch, capsys):
    way = way.format(typing.parent)
    monkeypatch.setenv("LUNGSEG_DATA", way)
    assert start.begin().records[0].image_path.is_relative_to(typing.resolve())
    assert "the set in my x-rays" in capsys.readouterr().out
    monkeypatch.setenv("LUNGSEG_DATA", "elsewhere")
    assert start.begin(Path(way)).data == "set in my x-rays", "as lungseg train --data"


@pytest.mark.parametrize("way", TYPED)
def test_a_home_is_typed_as_data_are(way, typing, monkeypatch):
    monkeypatch.setenv("LUNGSEG_HOME", way.format(typing.parent))
    assert start.home() == start.disk() == typing.resolve()


@pytest.mark.parametrize("way", TYPED)
def test_a_set_to_score_is_typed_as_data_are(way, typing, monkeypatch, capsys):
    asked = []

    def load(folder):
        asked.append(folder)
        raise ValueError("enough")

    monkeypatch.setattr("lungseg_utils.radiographs.load_records", load)
    assert main(["evaluate", way.format(typing.parent)]) == 1 and asked == [typing.resolve()]


@pytest.mark.parametrize("way", ELSEWHERE)
def test_what_is_empty_is_not_set(way, home, small_simulation, monkeypatch):
    for name in ("LUNGSEG_DATA", "LUNGSEG_HOME", "LUNGSEG_SCALE"):
        monkeypatch.setenv(name, way)
        assert start.setting(name) == ""
    assert start.disk() == Path(lungseg_utils.__file__).parent.parent / "outputs"
    monkeypatch.setenv("LUNGSEG_HOME", str(home))
    monkeypatch.setattr(start, "_has_gpu", lambda: True)
    monkeypatch.setitem(start.IMAGES, "gpu", 3)
    course = start.begin()
    assert (course.simulated, course.scale) == (True, "gpu")


@pytest.mark.parametrize("way", ["no set", "no\\set"])
def test_what_is_not_there_is_named_as_a_path(way, home, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert start.typed_path(way) == tmp_path.resolve() / way.replace("\\", "/")
    (tmp_path / way).mkdir()
    assert start.typed_path(way) == tmp_path.resolve() / way, "its name may have a backslash"


def test_a_notebook_looks_beside_itself_and_then_in_the_checkout(tmp_path, monkeypatch):
    root = tmp_path.resolve()
    monkeypatch.setattr(start, "__file__", str(root / "lungseg_utils" / "start.py"))
    for name in ("notebooks/both", "both", "root", "elsewhere/both"):
        (root / name).mkdir(parents=True)
    monkeypatch.chdir(root / "notebooks")
    found = {name: start.typed_path(name) for name in ("both", "root", "none")}
    assert found == {
        "both": root / "notebooks/both", "root": root / "root", "none": root / "none"
    }  # fmt: skip
    monkeypatch.chdir(root / "elsewhere")
    found = {name: start.typed_path(name) for name in ("both", "root")}
    assert found == {"both": root / "elsewhere/both", "root": root / "elsewhere/root"}


def test_a_home_that_is_a_file_is_refused(tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setenv("LUNGSEG_HOME", str(tmp_path / "file"))
    with pytest.raises(ValueError) as caught:
        start.home()
    said = "which is not a folder: fix or unset it"
    assert str(caught.value) == f"LUNGSEG_HOME is {(tmp_path / 'file').resolve()}, {said}"


def test_downloaded_set_comes_next_once_it_is_whole(home, small_simulation, capsys):
    folder = write_set(start.montgomery_folder())
    (folder / ".incomplete").mkdir()
    assert start.begin().data == "simulated set"
    (folder / ".incomplete").rmdir()
    assert start.begin().data == "Montgomery County set"
    assert "Data: the Montgomery County set, 3 radiographs" in capsys.readouterr().out


def test_simulated_set_is_made_once(home, small_simulation, capsys):
    course = start.begin()
    assert len(course.records) == 3
    assert course.records[0].image_path.is_relative_to(home / "data")
    made = course.records[0].image_path.stat().st_mtime_ns
    assert start.begin().records == course.records
    assert course.records[0].image_path.stat().st_mtime_ns == made
    assert "Data: the simulated set, 3 radiographs" in capsys.readouterr().out


def test_small_run_takes_some_and_a_full_one_all(home, tmp_path, monkeypatch):
    names = [f"MCUCXR_{number:04}_0" for number in range(45)]
    monkeypatch.setenv("LUNGSEG_DATA", str(write_set(tmp_path / "set", names)))
    counts = {}
    for scale in ("ci", "laptop", "gpu"):
        monkeypatch.setenv("LUNGSEG_SCALE", scale)
        counts[scale] = len(start.begin().records)
    assert counts == {"ci": 40, "laptop": 45, "gpu": 45}


T4 = """test "$*" = -L && echo 'GPU 0: Tesla T4 (UUID: GPU-0)'"""
BROKEN = "echo 'NVIDIA-SMI has failed because it could not communicate with the driver'; exit 9"


@pytest.mark.parametrize(
    ("program", "scale"),
    [(None, "laptop"), (T4, "gpu"), (BROKEN, "laptop"), ("echo 'No devices found.'", "laptop")],
    ids=["no program", "a GPU", "a driver without a GPU", "no devices"],
)
def test_size_of_run_follows_the_machine(program, scale, home, tmp_path, monkeypatch):
    monkeypatch.setenv("LUNGSEG_DATA", str(write_set(tmp_path / "set")))
    monkeypatch.delenv("LUNGSEG_SCALE")
    (tmp_path / "bin").mkdir()
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}{os.pathsep}/bin")
    if program:
        systems.program(tmp_path / "bin/nvidia-smi", program)
    assert start.begin().scale == scale


@pytest.mark.parametrize("scale", [" CI", '"ci"', "'Ci' ", "ci\n"])
def test_a_size_of_run_may_be_in_capitals_or_quotes(scale, typing, monkeypatch):
    monkeypatch.setenv("LUNGSEG_DATA", str(typing))
    monkeypatch.setenv("LUNGSEG_SCALE", scale)
    assert start.begin().scale == "ci"


@pytest.mark.parametrize("scale", ["huge", "1"])
def test_unknown_size_of_run_is_refused(scale, home, monkeypatch):
    monkeypatch.setenv("LUNGSEG_SCALE", scale)
    with pytest.raises(ValueError, match=f'"{scale}": set it to ci, laptop or gpu'):
        start.begin()
    assert not home.exists()


def test_home_without_a_variable_is_outputs_of_the_checkout(monkeypatch):
    monkeypatch.delenv("LUNGSEG_HOME")
    assert start.home() == Path(lungseg_utils.__file__).parent.parent / "outputs"


def test_home_of_an_installed_package_is_the_readers_cache(monkeypatch, tmp_path):
    monkeypatch.delenv("LUNGSEG_HOME")
    monkeypatch.setattr(start, "__file__", str(tmp_path / "lungseg_utils" / "start.py"))
    assert start.home().name.lower().startswith("lungseg")
    assert not start.home().is_relative_to(tmp_path)


@pytest.fixture
def colab(tmp_path, monkeypatch, small_simulation) -> Iterator[Path]:
    """A machine that looks like Colab's; yields where its Drive will be once it is mounted."""
    monkeypatch.syspath_prepend(str(Path(__file__).parent / "helpers" / "standin"))
    monkeypatch.setenv("COLAB_STANDIN", str(tmp_path))
    monkeypatch.setenv("LUNGSEG_SCALE", "ci")
    for name in ("LUNGSEG_HOME", "LUNGSEG_DATA"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(start, "DRIVE", tmp_path / "content/drive/MyDrive")
    monkeypatch.setattr("pooch.os_cache", lambda name: str(tmp_path / "cache" / name))
    monkeypatch.setattr(start, "__file__", str(tmp_path / "lungseg_utils" / "start.py"))
    yield start.DRIVE
    for name in [name for name in sys.modules if name.startswith("google.colab")]:
        del sys.modules[name]


def test_colab_without_a_drive_says_how_to_keep_trainings(colab, tmp_path, capsys):
    course = start.begin()
    assert course.home == tmp_path / "cache/lungseg"
    assert capsys.readouterr().out.splitlines()[-1] == (
        "Colab will delete your trainings with this machine. To keep them, run from google.colab "
        'import drive; drive.mount("/content/drive") and then this cell again.'
    )
    assert not colab.exists(), "nobody asked for a Drive"


def test_a_mounted_drive_is_used_and_said(colab, tmp_path, capsys):
    from google.colab import drive

    drive.mount("/content/drive")
    course = start.begin()
    assert course.home == colab / "lungseg"
    assert capsys.readouterr().out.endswith(f"in your Google Drive: {colab / 'lungseg'}\n")
    assert course.cache == tmp_path / "cache/lungseg/cache", "many reads, and made again in seconds"
    assert course.records[0].image_path.is_relative_to(tmp_path / "cache")
    assert start.montgomery_folder().is_relative_to(tmp_path / "cache")


def test_the_readers_own_home_comes_before_a_drive(colab, tmp_path, monkeypatch, capsys):
    colab.mkdir(parents=True)
    monkeypatch.setenv("LUNGSEG_HOME", str(tmp_path / "mine"))
    course = start.begin()
    assert course.home == tmp_path / "mine" and course.cache == tmp_path / "mine/cache"
    assert len(capsys.readouterr().out.splitlines()) == 2, "nothing will be deleted"


def test_a_folder_of_that_name_is_no_drive_elsewhere(home, tmp_path, monkeypatch, small_simulation):
    monkeypatch.delenv("LUNGSEG_HOME")
    monkeypatch.setattr(start, "DRIVE", tmp_path)
    assert start.home() == start.disk()


@pytest.mark.parametrize("error", [None, ModuleNotFoundError("no module google")])
def test_nothing_is_said_of_colab_elsewhere(error, home, tmp_path, monkeypatch, capsys):
    def find(name):
        assert name == "google.colab"
        if error:
            raise error

    monkeypatch.delenv("LUNGSEG_HOME")
    monkeypatch.setattr(start, "disk", lambda: home)
    monkeypatch.setattr(start.importlib.util, "find_spec", find)
    start.begin(write_set(tmp_path / "mine"))
    assert len(capsys.readouterr().out.splitlines()) == 2


def test_drive_is_where_colab_mounts_it():
    """Documented by Colab: drive.mount("/content/drive"), and then /content/drive/MyDrive."""
    assert Path("/content/drive/MyDrive") == start.DRIVE


def test_terminal_writes_a_simulated_set(tmp_path, capsys):
    folder = tmp_path / "set"
    assert main(["phantom", str(folder), "--count", "2", "--size", "64", "--seed", "7"]) == 0
    assert capsys.readouterr().out == f"The radiographs are in {folder}\n"
    records = load_records(folder)
    assert [record.shape for record in records] == [(64, 64)] * 2


def test_options_of_train_are_arguments_and_touch_no_environment(home, tmp_path, monkeypatch):
    """`--data` and `--scale` come before what the environment says, and leave it as it was."""
    mine, other = (write_set(tmp_path / name) for name in ("mine", "other"))
    monkeypatch.setenv("LUNGSEG_DATA", str(other))
    monkeypatch.setenv("LUNGSEG_SCALE", "laptop")
    before, seen = dict(os.environ), []

    def stop(course):
        seen.append(course)
        raise ValueError("enough")

    monkeypatch.setattr("lungseg_utils.training.train_course", stop)
    for options, data, scale in (
        (["--data", str(mine), "--scale", "ci"], "set in mine", "ci"),
        ([], "set in other", "laptop"),
    ):
        assert main(["train", "-o", str(tmp_path / "one.keras"), *options]) == 1
        assert (seen[-1].data, seen[-1].scale) == (data, scale)
    changed = {name for name, value in os.environ.items() if before.get(name) != value}
    assert changed <= set(start.TENSORFLOW)


def test_a_home_may_be_named_in_short(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    monkeypatch.setenv("LUNGSEG_HOME", "~/x")
    assert start.home() == start.disk() == (tmp_path / "x").resolve()


def test_each_size_of_run_has_its_own_simulated_set(home, monkeypatch):
    monkeypatch.setattr(start, "SIMULATED_SIZE", 64)
    monkeypatch.setattr(start, "IMAGES", {"ci": 3, "laptop": 4})
    sets = [start.begin(scale=scale).records for scale in ("ci", "laptop", "ci")]
    assert [len(records) for records in sets] == [3, 4, 3] and sets[0] == sets[2]
    folders = {records[0].image_path.parent.parent for records in sets}
    assert len(folders) == 2 and all(len([*one.glob("CXR_png/*")]) in (3, 4) for one in folders)


GPU_FORMATS = {
    (9, 0): "mixed_bfloat16", (8, 0): "mixed_bfloat16", (7, 5): "mixed_float16",
    (7, 0): "mixed_float16", (6, 1): "float32", None: "float32",
}  # fmt: skip


@pytest.mark.parametrize("generation", GPU_FORMATS)
def test_precision_follows_the_gpu(generation, monkeypatch):
    import tensorflow as tf

    details = {"compute_capability": generation} if generation else {}
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind: ["one"] * (kind == "GPU"))
    monkeypatch.setattr(tf.config.experimental, "get_device_details", {"one": details}.get)
    monkeypatch.setattr(Path, "read_text", lambda path, **_: "flags : amx_bf16")
    assert start.pick_precision() == GPU_FORMATS[generation]


@pytest.mark.parametrize(
    "flags, precision",
    [("flags : sse avx512_bf16 avx2", "mixed_bfloat16"), ("flags : amx_bf16", "mixed_bfloat16"),
     ("flags : avx2 avx512f amx", "float32"), (None, "float32")],
)  # fmt: skip
def test_without_a_gpu_precision_follows_the_processor(flags, precision, monkeypatch):
    asked = []
    monkeypatch.setattr(Path, "exists", lambda path: asked.append(str(path)) or flags is not None)
    monkeypatch.setattr(Path, "read_text", lambda path, **_: asked.append(str(path)) or flags)
    found = start.pick_precision()
    monkeypatch.undo()
    assert found == precision and set(asked) == {"/proc/cpuinfo"}


def test_the_same_seed_draws_the_same_numbers():
    import keras
    import tensorflow as tf

    def draws(seed):
        start.make_reproducible(seed)
        return keras.random.uniform((3,)).numpy().tolist(), tf.random.uniform((3,)).numpy().tolist()

    assert draws(3) == draws(3) != draws(4)


def test_sums_are_done_in_one_order(monkeypatch):
    import tensorflow as tf

    asked = []
    monkeypatch.setattr(
        tf.config.experimental, "enable_op_determinism", lambda: asked.append("once")
    )
    start.make_reproducible(0)
    assert asked == ["once"]


def test_loading_tensorflow_keeps_what_the_reader_has_set(monkeypatch):
    monkeypatch.setenv("TF_CPP_MIN_LOG_LEVEL", "0")
    monkeypatch.setenv("TF_ENABLE_ONEDNN_OPTS", "0")
    monkeypatch.delenv("TF_NUM_INTEROP_THREADS")
    start.load_tensorflow()
    assert os.environ["TF_CPP_MIN_LOG_LEVEL"] == os.environ["TF_ENABLE_ONEDNN_OPTS"] == "0"
    assert os.environ["TF_NUM_INTEROP_THREADS"] == "1"
    assert start.gc.isenabled()


def test_begin_says_what_it_took_and_keeps_it(home, tmp_path, capsys):
    records = load_records(write_set(tmp_path / "mine"))
    course = start.begin(tmp_path / "mine", "gpu")
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "Data: the set in mine, 4 radiographs of 4 patients."
    seconds = re.fullmatch(r"Size of run: gpu. Ready in (\d+\.\d) s.", lines[1])[1]
    assert float(seconds) < 600 and len(lines) == 2
    assert course == start.Course(records, "set in mine", "gpu", home)
    assert (course.simulated, course.cache) == (False, home / "cache")


def test_one_image_of_one_patient_is_counted_as_one(home, tmp_path, capsys):
    folder = write_set(tmp_path / "mine", NAMES[:2])
    for mask in folder.glob(f"ManualMask/*/{NAMES[0]}.png"):
        mask.unlink()
    start.begin(folder)
    data, left_out, _ = capsys.readouterr().out.splitlines()
    assert data == "Data: the set in mine, 1 radiograph of 1 patient."
    assert left_out == "Left out, because they have no mask: 1 image."


def test_a_course_has_the_split_of_its_records(home):
    course = start.Course(tuple(bare_record(f"p{n:02}") for n in range(40)), "mine", "ci", home)
    assert course.split == split_by_patient(course.records)
    assert start.Course((), start.SIMULATED_SET, "ci", home).simulated


def test_the_set_that_is_simulated_has_the_count_of_the_real_one(home, monkeypatch):
    asked = []
    monkeypatch.setattr(
        "lungseg_utils.phantom.write_phantom_set",
        lambda folder, **more: asked.append((folder, more)) or folder,
    )
    for scale in ("ci", "laptop"):
        assert start._pick_data(None, scale) == (asked[-1][0], "simulated set")
    data = home / "data"
    assert asked == [
        (data / "simulated-40", {"count": 40, "size": 512}),
        (data / "simulated-138", {"count": 138, "size": 512}),
    ]


def test_tensorflow_is_loaded_without_a_word_and_stderr_comes_back(monkeypatch, capfd):
    logger = logging.Logger("tensorflow", logging.INFO)

    class Loud:
        get_logger = staticmethod(lambda: logger)

        class config:
            @staticmethod
            def list_physical_devices():
                os.write(2, b"red lines")

    monkeypatch.setattr(start.importlib, "import_module", lambda name: Loud)
    start.load_tensorflow()
    os.write(2, b"back")
    assert capfd.readouterr().err == "back"
    assert logger.level == logging.ERROR
