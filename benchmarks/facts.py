"""What every benchmark says of the run it was measured in."""

import platform
import subprocess
from importlib.metadata import version
from pathlib import Path

FOLDER = Path(__file__).resolve().parent
INSTRUCTIONS = "amx_bf16", "avx512_bf16", "avx512_vnni", "avx512f", "avx2"  # the newest first


def facts() -> dict:
    """Versions, processor with the newest instructions it has that matter here, and commit."""
    return {
        "versions": {package: version(package) for package in ("tensorflow", "keras", "numpy")},
        "python": platform.python_version(),
        "processor": _processor(),
        "commit": _commit(),
    }


def _processor() -> str:
    path = Path("/proc/cpuinfo")
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    names = [line.split(":")[1].strip() for line in lines if line.startswith("model name")]
    flags = next((line.split() for line in lines if line.startswith("flags")), ())
    newest = [one for one in INSTRUCTIONS if one in flags][:1]
    return ", ".join([names[0], f"{len(names)} cores", *newest]) if names else platform.processor()


def _commit() -> str:
    call = ["git", "-C", str(FOLDER), "rev-parse", "--short", "HEAD"]
    return subprocess.run(call, capture_output=True, text=True, check=False).stdout.strip()
