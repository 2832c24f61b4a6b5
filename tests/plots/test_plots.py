"""Every figure is made from arrays alone, names its units, cuts no text off and leaves matplotlib as it was."""

import itertools
import re
import subprocess
import sys
from pathlib import Path

import matplotlib
import nbclient
import nbformat
import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Text

from worldmodel import plots
from worldmodel.plots.style import apart, folded
from worldmodel.settings import ConfigError

ROOT = Path(__file__).parents[2]
RNG = np.random.default_rng(0)
FRAMES = RNG.integers(0, 255, (12, 16, 16, 1), np.uint8)
COLOUR = RNG.integers(0, 255, (40, 16, 16, 3), np.uint8)
TIMES = np.arange(40) / 20
K = np.array([1, 2, 3, 4, 6, 8, 12, 16, 20, 32])
CONTROLS = {"labels permuted": 5.5, "first frame only": 5.4, "PCA of the pixels, 64 components": 6 - 0.08 * K}
TRACKER = {k: 6 / k**2 for k in (3, 4, 8, 20, 32)}
LIMIT = {3: 0.4, 4: 0.17, 8: 0.03}
G = {"training": RNG.uniform(1, 20, 50), "Earth": RNG.uniform(9, 11, 20), "beyond": RNG.uniform(20, 30, 30)}
READ = {band: values + RNG.standard_normal(len(values)) for band, values in G.items()}
SCORES = {"this model": (0.99, 0.98, 0.995), "labels permuted": (-0.01, -0.02, 0.01), "frame 20": (0.05, None, None)}
HALF = np.where(np.arange(200) < 100, np.geomspace(1, 0.1, 200), np.nan)
PHASES = [("find", 0, 100), ("predict", 100, 200)]
CHANGE = np.array([2, 5, 10, 15, 25, 35, 50])
NOTICED = 1 - 0.5 * np.exp(-CHANGE / 8)
PATHS = {name: RNG.uniform(0, 4, (5, 20, 2)) for name in ("random", "dream", "oracle", "no-op", "cloned")}
TIME_AND_LUCK = np.linspace(-4, 4, 50) + RNG.standard_normal((5, 50))

DRAWN = {
    "strip": lambda: plots.film_strip({"truth": FRAMES, "dream": FRAMES[:8]}, times=TIMES, title="Is it true?"),
    "long strip": lambda: plots.film_strip(
        {"truth": COLOUR, "dream from frame 20": COLOUR[20:]}, first={"dream from frame 20": 20}, times=TIMES
    ),
    "scaling": lambda: plots.scaling({"clips (number)": (K, 1 / K), "training (s)": (2 * K, 3 / K**0.5)}),
    "every": lambda: plots.film_strip({"truth": COLOUR}, every=8),
    "points": lambda: plots.points_on_frames(FRAMES, RNG.uniform(-1, 1, (12, 4, 2)), every=3),
    "legibility": lambda: plots.legibility(
        K, 6 / K * np.ones((5, 1)), CONTROLS, {"oracle tracker": TRACKER, "Cramér–Rao": LIMIT}, name="evidence belief"
    ),
    "legibility of one seed": lambda: plots.legibility(K, 6 / K, {}, {}),
    "read": lambda: plots.read_against_true(G, READ, shade=[(9, 11), (20, 30)]),
    "psychometric": lambda: plots.psychometric(
        CHANGE, np.stack([NOTICED, NOTICED - 0.02, NOTICED + 0.01], 1), np.sqrt(NOTICED), {"colour only": 0.53, "teleport": 1}
    ),
    "surprise": lambda: plots.surprise_over_time({"ordinary": TIMES, "g + 25 %": 9 * TIMES**2, "teleport": 9 - TIMES}, 20, 24),
    "bars": lambda: plots.bars(SCORES, 0.99, title="Is it more than a control reads?", ours="this model"),
    "open loop": lambda: plots.open_loop({"kinematic": RNG.uniform(0, 1, (5, 20)), "constant velocity": TIMES[:20]}),
    "training": lambda: plots.training_curve(
        np.arange(200), {"picture": HALF, "straight": HALF / 9, "open loop": HALF[::-1]}, PHASES
    ),
    "trajectories": lambda: plots.trajectories(PATHS, 4.0, pad=np.linspace(0.8, 3.2, 5)),
    "one trajectory": lambda: plots.trajectories({"dream": PATHS["dream"][:1]}, 4.0, pad=[2.0]),
    "frames": lambda: plots.returns_over_frames({"PPO on pixels": (1000 * K, 2 - 4 / K, 1 - 4 / K, 3 - 4 / K)}, {"oracle": 1.9}),
    "returns": lambda: plots.returns_over_training(np.arange(50), TIME_AND_LUCK),
}


def texts(figure):
    """The texts that a figure draws, with their boxes in pixels."""
    figure.canvas.draw()
    found = [*figure.texts, *([figure._suptitle] if figure._suptitle else [])]
    legends = [*figure.legends, *(axes.get_legend() for axes in figure.axes)]
    for legend in filter(None, legends):
        found += [*legend.get_texts(), legend.get_title()]
    for axes in figure.axes:
        found += [*axes.texts, axes.title]
        for axis in (axes.xaxis, axes.yaxis):
            labels = [label for tick in axis._update_ticks() for label in (tick.label1, tick.label2)]
            found += [axis.label, *labels]
    shown = {id(text): text for text in found if text.get_visible() and text.get_text().strip()}
    return [(text.get_text(), Text.get_window_extent(text)) for text in shown.values()]


@pytest.fixture(params=DRAWN, scope="module")
def drawn(request):
    before = dict(matplotlib.rcParams)
    figure = DRAWN[request.param]()
    assert dict(matplotlib.rcParams) == before
    return figure


def test_a_figure_that_pyplot_does_not_know(drawn):
    assert isinstance(drawn, Figure) and isinstance(drawn.canvas, FigureCanvasAgg)
    assert drawn.dpi == 110 and drawn.get_figwidth() <= 8
    assert drawn._repr_png_().startswith(b"\x89PNG")
    if "matplotlib.pyplot" in sys.modules:
        assert not sys.modules["matplotlib.pyplot"].get_fignums()


def test_axes_carry_units_or_count_something(drawn):
    for axes in drawn.axes:
        for axis in (axes.xaxis, axes.yaxis):
            label = axis.get_label_text()
            if label:
                assert re.search(r"\(.+\)$|frames?|frames seen|step|updates", label), label


def test_axes_are_labelled(drawn):
    assert any(axes.get_xlabel() for axes in drawn.axes)


def test_no_text_is_cut_off_or_lies_on_another(drawn):
    found = texts(drawn)
    for text, box in found:
        assert box.x0 >= -1 and box.y0 >= -1 and box.x1 <= drawn.bbox.x1 + 1 and box.y1 <= drawn.bbox.y1 + 1, text
    for (one, a), (other, b) in itertools.combinations(found, 2):
        width, height = min(a.x1, b.x1) - max(a.x0, b.x0), min(a.y1, b.y1) - max(a.y0, b.y0)
        assert width <= 1 or height <= 2, (one, other)


def test_the_readers_own_style_is_neither_used_nor_changed():
    with matplotlib.rc_context({"axes.facecolor": "black", "font.size": 30}):
        figure = DRAWN["open loop"]()
        assert matplotlib.rcParams["font.size"] == 30
    assert figure.axes[0].get_facecolor() == (1, 1, 1, 1)
    assert figure.axes[0].xaxis.label.get_fontsize() == 9.5


def test_points_lie_in_the_middle_and_in_the_corner_that_they_name():
    figure = plots.points_on_frames(FRAMES, np.tile([[0.0, 0.0], [-1.0, -1.0]], (12, 1, 1)))
    (x, y), corner = (line.get_data() for line in figure.axes[0].lines[:2])
    left, right, bottom, top = figure.axes[0].images[0].get_extent()
    assert (x[0], y[0]) == pytest.approx(((left + right) / 2, (bottom + top) / 2)) and right > left and top > bottom
    assert (corner[0][0], corner[1][0]) == pytest.approx((left, bottom))


def test_the_line_of_several_seeds_is_their_mean_and_their_band_holds_them_all():
    ours = np.array([[4.0, 2.0], [2.0, 1.0]])
    axes = plots.legibility([4, 8], ours, {}, {}).axes[0]
    assert axes.lines[0].get_ydata().tolist() == [3.0, 1.5]
    edge = axes.collections[0].get_paths()[0].vertices[:, 1]
    assert (edge.min(), edge.max()) == (1.0, 4.0)


def test_clips_outside_the_picture_are_counted():
    read = READ | {"Earth": np.append(READ["Earth"][1:], 1e4)}
    assert plots.read_against_true(G, read).axes[0].get_legend().get_title().get_text().endswith(": 1")


@pytest.mark.parametrize(
    "call",
    [
        lambda: plots.film_strip({"truth": FRAMES / 255}),
        lambda: plots.film_strip({}),
        lambda: plots.film_strip({"truth": FRAMES}, first={"dream": 3}),
        lambda: plots.points_on_frames(FRAMES, np.zeros((11, 3, 2))),
        lambda: plots.legibility(K, np.ones((5, 3)), {}, {}),
        lambda: plots.read_against_true(G, {"training": G["training"]}),
    ],
)
def test_arrays_of_another_form_are_refused(call):
    with pytest.raises(ConfigError):
        call()


def test_labels_are_moved_apart_and_no_further_than_they_need():
    heights = np.array([0.1, 0.1, 0.1, 0.1])
    places = apart(np.array([0.52, 0.5, 0.9, 0.1]), heights)
    assert places == pytest.approx([0.56, 0.46, 0.9, 0.1])
    assert np.diff(np.sort(apart(np.full(4, 1.0), heights))).min() >= 0.1 - 1e-9
    assert folded("untrained network (20 seeds)", 20).replace("\xa0", " ") == "untrained network\n(20 seeds)"


def test_a_fresh_notebook_shows_a_figure_once_with_pyplot_and_without():
    show = "plots.open_loop({'a': np.arange(5.0)})"
    cells = [f"import numpy as np\nfrom worldmodel import plots\n{show}", f"import matplotlib.pyplot as plt\n{show}"]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    place = {"metadata": {"path": str(ROOT)}}
    nbclient.NotebookClient(notebook, timeout=60, kernel_name="python3", resources=place).execute()
    for cell in notebook.cells:
        assert ["image/png" in output.get("data", {}) for output in cell.outputs] == [True]


def test_the_room_brings_no_pyplot():
    code = "import sys, worldmodel.plots; sys.exit('matplotlib.pyplot' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, timeout=60, check=False).returncode == 0


@pytest.mark.parametrize(
    "value, shown", [(1000.0, "1,000"), (999.7, "1,000"), (-171.1, "−171"), (0.9917, "0.992"), (-1.5, "−1.5"), (0.0, "0")]
)
def test_numbers_beside_bars_have_three_digits_and_no_power_of_ten(value, shown):
    (axes,) = plots.bars({"a policy": (value, np.nan, np.nan)}).axes
    assert shown in [text.get_text() for text in axes.texts]
