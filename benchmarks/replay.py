"""The environment of a recorded run, for exact replay: ``python benchmarks/replay.py`` writes what is installed here.

``constraints.txt`` has every package with its version and the sha256 of the file that pip installs of it on this kind of machine;
``pip install --require-hashes -r constraints.txt && pip install --no-deps -e .`` brings the same back. ``LICENSES.md`` says under
which terms each of them may be used.
"""

from __future__ import annotations

import json
import platform
import re
import subprocess
import sys
import tempfile
from pathlib import Path


def installed() -> list[dict]:
    """Name, version, sha256 and licence of every package installed here but pip and this one, by name.

    Raises:
        CalledProcessError: pip cannot find one of them any more.
    """
    pip = [sys.executable, "-m", "pip"]
    listed = subprocess.run([*pip, "freeze", "--all", "--exclude-editable"], capture_output=True, text=True, check=True).stdout
    with tempfile.TemporaryDirectory() as folder:
        wanted, report = Path(folder) / "wanted.txt", Path(folder) / "report.json"
        wanted.write_text("".join(line + "\n" for line in listed.splitlines() if not line.startswith("pip==")))
        dry = ["install", "--quiet", "--dry-run", "--ignore-installed", "--no-deps", "--report", str(report)]
        subprocess.run([*pip, *dry, "-r", str(wanted)], check=True)
        found = json.loads(report.read_text())["install"]
    packages = [
        {
            "name": re.sub(r"[-_.]+", "-", one["metadata"]["name"]).lower(),
            "version": one["metadata"]["version"],
            "sha256": one["download_info"]["archive_info"]["hashes"]["sha256"],
            "licence": licence(one["metadata"]),
        }
        for one in found
    ]
    return sorted(packages, key=lambda one: one["name"])


def licence(metadata: dict) -> str:
    """A package's own word: its SPDX expression, else its classifiers, else the first line of what it calls its licence."""
    classes = {line.split(" :: ")[-1] for line in metadata.get("classifier", []) if line.startswith("License :: ")}
    plain = ", ".join(sorted(classes - {"OSI Approved", "Other/Proprietary License"}))
    words = (metadata.get("license") or "").strip().split("\n")[0]
    return metadata.get("license_expression") or plain or words or ", ".join(classes) or "not stated"


def write(home: Path) -> None:
    """Write both files into ``home``."""
    packages, machine = installed(), f"Python {platform.python_version()}, {platform.system()} {platform.machine()}"
    head = f"# What the recorded runs used ({machine}). `benchmarks/replay.py` made it, and says how to install it.\n"
    pins = "".join(f"{one['name']}=={one['version']} --hash=sha256:{one['sha256']}\n" for one in packages)
    (home / "constraints.txt").write_text(head + pins)
    rows = "".join(f"| {one['name']} | {one['version']} | {one['licence'].replace('|', '/')} |\n" for one in packages)
    (home / "LICENSES.md").write_text(
        "# Licences of what the project stands on\n\n"
        "As each package states it; `constraints.txt` pins the same ones. `python benchmarks/replay.py` made both.\n\n"
        f"| package | version | licence |\n|---|---|---|\n{rows}"
    )


if __name__ == "__main__":
    write(Path(__file__).parents[1])
