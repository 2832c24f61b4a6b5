"""CONTRIBUTING's examples, done as it says: each is one file in a copy of the package, and its lines of registration."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

HOME = Path(__file__).parents[1]
PAGE = (HOME / "CONTRIBUTING.md").read_text()
FILMED_AND_TRAINED = """
from worldmodel import Film, FitConfig, WorldModelConfig, film, fit, save, load
videos = film(Film("bouncer", 12, 16), "data", progress=False)
fast = FitConfig(find_steps=4, find_clips=4, predict_steps=4, predict_clips=4, starts=2, horizon=4)
model = fit(videos, fast, WorldModelConfig(dynamics="mean", encoder_width=8, decoder_width=8, dynamics_width=8), progress=False)
save(model, "kept")
model = load("kept")
print(model.decode(model.imagine(model.observe(videos.read([0], stop=8)), 5)).shape)
"""


def blocks(kind: str) -> list[str]:
    return re.findall(rf"```{kind}\n(.*?)```", PAGE, re.S)


@pytest.fixture(scope="module")
def extended(tmp_path_factory):
    """A copy of the package and of two of its tests, with the world and the family of the page in it."""
    home = tmp_path_factory.mktemp("copy")
    shutil.copytree(HOME / "worldmodel", home / "worldmodel", ignore=shutil.ignore_patterns("__pycache__"))
    for test in ("physics/test_worlds.py", "model/test_families.py"):
        shutil.copy(HOME / "tests" / test, home)
    world, named, family, listed = blocks("python")
    for text in (world, family):
        path = home / re.match(r"# (\S+\.py)\n", text).group(1)
        assert not path.exists()
        path.write_text(text)
    (place, import_, entry) = (home / "worldmodel/physics/worlds.py", *named.splitlines())
    text = place.read_text()
    for before, line in (("from .ball import Ball", import_), ('        World("ball", Ball()),', entry)):
        assert text.count(before) == 1
        text = text.replace(before, f"{before}\n{line}")
    place.write_text(text)
    place, (import_, entry) = home / "worldmodel/model/world_model.py", listed.splitlines()
    text = re.sub(r"^MEMORIES = .*$", rf"\g<0>\n{entry}", place.read_text(), count=1, flags=re.M)
    place.write_text(text.replace("from .heads", f"{import_}\nfrom .heads", 1))
    return home


def run(home: Path, *arguments: str) -> str:
    environment = os.environ | {"PYTHONPATH": str(home), "OMP_NUM_THREADS": "1"}
    done = subprocess.run([sys.executable, *arguments], cwd=home, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_world_is_filmed_and_the_family_trained(extended):
    assert "torch.Size([1, 5, 64, 64, 1])" in run(extended, "-c", FILMED_AND_TRAINED)


def test_both_pass_the_tests_that_all_must_pass(extended):
    told = run(extended, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-k", "bouncer or mean", ".")
    assert int(re.search(r"(\d+) passed", told).group(1)) >= 12, told
    assert "failed" not in told


def test_the_new_law_against_energy():
    """The page's own law is right: speed and height give the same energy at all times."""
    import numpy as np

    names = {"__name__": "worldmodel.physics.worlds", "__package__": "worldmodel.physics"}
    exec(blocks("python")[0], names)
    law, rng = names["Bouncer"](), np.random.default_rng(0)
    constants, start = law.draw(rng.uniform(1, 30, 50), rng)
    states = law.simulate(constants, start, 60, 0.05)
    energy = constants["g"][:, None] * states["position"][..., 1] + (states["velocity"] ** 2).sum(-1) / 2
    np.testing.assert_allclose(energy, energy[:, :1].repeat(60, 1), rtol=1e-9)
    assert (states["position"][..., 1] >= constants["radius"][:, None] - 1e-9).all()


def test_the_commands_of_the_page_are_commands_and_name_the_folder_that_film_makes():
    from worldmodel.__main__ import COMMANDS
    from worldmodel.videos import Film

    (shell,) = blocks("sh")
    lines = [line.split() for line in shell.splitlines()]
    assert [line[0] for line in lines] == ["worldmodel"] * 2 and all(line[1] in COMMANDS for line in lines)
    assert lines[1][2] == "data/videos/" + Film(clips=2000).name.replace("ball", "bouncer", 1)
