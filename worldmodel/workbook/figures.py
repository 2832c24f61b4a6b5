"""The figures of the recorded runs: what to draw, from predictions and reports; `plots` knows how."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from matplotlib.colors import to_rgb

from .. import plots
from ..control import Observed
from ..evaluation import ASKED, CONSTANTS, FRAMES_SEEN, counts, cramer_rao, imagine_frames
from ..evaluation.reading import BANDS
from ..physics import SCENES
from ..plots.style import COLOURS
from ..probing import Report
from ..videos import save_video
from .baselines import learning_curve
from .families import SECONDS


def save_figure(figure, folder, name: str) -> None:
    """One PNG per test, named as the test is."""
    Path(folder).mkdir(parents=True, exist_ok=True)
    figure.savefig(Path(folder) / f"{name}.png", dpi=110)


def figures_of(test: str, bench, seeds: list[dict], shared: dict, reports: list[Report]) -> dict:
    """The figures of one test of an experiment, by name."""
    sets, at = bench.sets if test in ("reading", "falls", "laws") else {}, f"{bench.world}.{bench.scene}"
    if test == "reading":
        return {
            f"{at}.A": legibility_figure(seeds, shared, sets, bench.scene),
            f"{at}.A.read": reading_figure(seeds[0], sets),
            f"{at}.B": controls_figure(reports),
        }
    if test == "falls":
        return {f"{at}.C": falls_figure(seeds[0], sets), f"{at}.E": steering_figure(seeds[0])}
    if test == "surprise":
        return {f"{at}.G": surprise_figure(reports)}
    if test == "laws":
        return {f"{at}.H": law_figure(seeds[0], sets)}
    return {}


def interval_of(report: Report) -> tuple[float, float, float]:
    return report.value, report.low, report.high


def legibility_figure(seeds: list[dict], shared: dict, sets, scene: str = "clean"):
    """Test A: median error of g against frames seen, over seeds, between the controls above and the bounds below."""
    g = sets["test"].truth["g"]

    def error(read):
        return float(np.median(np.abs(read.T - g)))

    ours = np.array([[error(seed[f"g.test.k{k}"]) for k in FRAMES_SEEN] for seed in seeds])
    controls = {
        "labels permuted": float(np.mean([error(seed["shuffled"]) for seed in seeds])),
        "frames permuted": float(np.mean([error(seed["shuffled_frames"]) for seed in seeds])),
        "pixels, PCA": error(shared["pixels"]),
        "untrained": float(np.mean([error(read) for read in shared["untrained"]])),
    }
    bounds = {
        "oracle tracker": {k: error(shared[f"oracle.test.k{k}"]) for k in FRAMES_SEEN if k >= 3},
        # The median of a normal error is 0.6745 of its standard deviation.
        "Cramér–Rao": {k: 0.6745 * sd for k, sd in cramer_rao(sets, SCENES[scene].noise).items() if k <= 8},
    }
    return plots.legibility(
        np.array(FRAMES_SEEN), ours, controls, bounds, error="median error", title="How well is g read after k frames?"
    )


def reading_figure(seed: dict, sets):
    """Test A: g read from one frozen state against the true one, in the training range and in the bands left out of it."""
    true = {band: sets[band].truth["g"] for band in BANDS}
    return plots.read_against_true(true, {band: seed[f"g.{band}.k20"] for band in BANDS}, shade=[(9, 11), (20, 30)])


def controls_figure(reports: list[Report]):
    """Test B: R² of g from our state and from everything that should not know it."""
    labels = {
        "A.r2.k20": "our state", "B.r2.stack": "stack of single frames", "B.r2.untrained": "untrained network",
        "B.r2.shuffled_frames": "frames permuted", "B.r2.pixels": "pixels, PCA", "B.r2.alone": "frame 20 alone",
        "B.r2.first": "first frame", "B.r2.shuffled": "labels permuted",
    }  # fmt: skip
    rows = {report.name.split(".", 2)[2]: report for report in reports}
    values = {label: interval_of(rows[name]) for name, label in labels.items() if name in rows}
    return plots.bars(values, mark=0.99, xlabel="R² of g after 20 frames", title="Who knows g?", ours="our state")


def falls_figure(seed: dict, sets):
    """Test C: g of falls imagined from rest, measured in the decoded pictures, against the true one."""
    return plots.read_against_true(
        {band: sets[band].truth["g"][seed[f"{band}.clips"]] for band in BANDS}, {band: seed[f"{band}.g"] for band in BANDS},
        shade=[(9, 11), (20, 30)], title="Does an imagined ball fall as fast?", ylabel="g of the imagined fall (m/s²)",
    )  # fmt: skip


def steering_figure(seed: dict):
    """Test E: g that was asked of the belief, against g that the imagined fall then shows; and what other directions do."""
    within = counts(seed["read"])
    along, aside = "moved along the direction of g", "moved as far along others (g was not asked to change)"
    asked, unchanged = (seed["read"][:, None] + ASKED)[within], (seed["none"][:, None] + 0 * seed["orthogonal"])[within]
    return plots.read_against_true(
        {along: asked, aside: unchanged}, {along: seed["asked"][within], aside: seed["orthogonal"][within]},
        title="Does a ball fall as it is told?", xlabel="g asked for (m/s²)", ylabel="g of the imagined fall (m/s²)",
    )  # fmt: skip


def surprise_figure(reports: list[Report]):
    """Test G: the psychometric curve beside the ideal observer's."""
    rows = {report.name.split("auroc.")[1]: report for report in reports if "G.auroc" in report.name}
    sizes = sorted(name for name in rows if name.isdigit())
    ours, ideal = [interval_of(rows[name]) for name in sizes], [rows[name].limit for name in sizes]
    return plots.psychometric([int(name) for name in sizes], ours, ideal, {"only its colour changes": rows["colour"].value})


def law_figure(seed: dict, sets):
    """Test H: the constant of the law that sparse regression finds in a clip's latents, against g."""
    g, chosen = sets["test"].truth["g"][seed["clips"]], seed["chosen"].astype(bool)
    parts = {"constant acceleration was chosen": chosen, "another law was": ~chosen}
    return plots.read_against_true(
        {name: g[rows] for name, rows in parts.items()}, {name: seed["coefficient"][rows] for name, rows in parts.items()},
        title="Which law do the latents obey?", ylabel="acceleration in the law that was found (m/s²)",
    )  # fmt: skip


# figure -> its title, the axis, and which rows it shows under which label
TABLES = {
    "uniform.clean.D": ("Does motion go on at speeds never seen?", "velocity error (world units / s)", {
        "dream, speeds as in training": "uniform.clean.D.velocity_error.in",
        "dream, speeds beyond": "uniform.clean.D.velocity_error.out",
        "tracker on true frames, beyond": "uniform.clean.D.floor.out"}),
    "pendulum.clean.F": ("How many numbers are in the states?", "intrinsic dimension", {
        "pendulum (2)": "pendulum.clean.F.dimension", "pendulum, g varied (3)": "pendulum.clean.F.dimension_g",
        "double pendulum (4)": "double_pendulum.clean.F.dimension"}),
    "all.clean.I": ("Is it the same gravity in another body?", "R² of g; squared correlation where said", {
        f"{body}, {label}": f"all.clean.I.{key}.{body}"
        for body in ("pendulum", "spring", "two_balls", "orbit")
        for label, key in (("own probe", "refit"), ("ball's probe, correlation", "correlation2"), ("ball's probe", "r2"))}),
    "worlds.clean.A": ("What is read in the other worlds?", "R² after 32 frames", {
        f"{body}, {name}": f"{body}.clean.A.r2{'' if name == 'g' else '_' + name}.k32"
        for body, names in CONSTANTS.items() for name in names}),
}  # fmt: skip


# of the families' comparison: figure, which rows, title, axis
FAMILIES = (
    (
        "family",
        "A.relerr.earth",
        "Who reads g? The same seconds each",
        "median relative error of g in the Earth's band, 8 frames",
    ),
    ("family.E", "E.slope", "Who obeys when g is moved?", "slope of the g that is shown on the g that is asked; 1 is obedience"),
)


def table_figures(reports: list[Report]) -> dict:
    """Figures that show rows of several experiments side by side, where the rows are there."""
    rows, figures = {report.name: report for report in reports}, {}
    for scene in ("clean", "clutter"):
        for name, metric, title, xlabel in FAMILIES:
            start = f"ball.{scene}.family.{metric}."
            values = {row.removeprefix(start): interval_of(rows[row]) for row in rows if row.startswith(start)}
            if values:
                figures[f"ball.{scene}.{name}"] = plots.bars(values, xlabel=xlabel, title=f"{title} ({scene})", ours="default")
    curves = {}
    for axis, label in (
        ("clips", "clips (number)"), ("parameters", "weights (of the default's)"), ("seconds", f"training (of {SECONDS:g} s)"),
    ):  # fmt: skip
        start = f"ball.clean.J.{axis}.A.r2."
        found = sorted((float(row.removeprefix(start)), 1 - rows[row].value) for row in rows if row.startswith(start))
        curves |= {label: np.array(found).T} if len(found) > 1 else {}
    if curves:
        figures["ball.clean.J"] = plots.scaling(curves)
    for name, (title, xlabel, labels) in TABLES.items():
        values = {label: interval_of(rows[row]) for label, row in labels.items() if row in rows}
        if values:
            figures[name] = plots.bars(values, xlabel=xlabel, title=title)
    return figures


def returns_figure(task: str, reports: list[Report]):
    """Mean return of each policy in a task's true world, in range."""
    start, end = f"{task}.control.return.", ".in"
    rows = [report for report in reports if report.name.startswith(start) and report.name.endswith(end)]
    values = {report.name.removeprefix(start).removesuffix(end): interval_of(report) for report in rows}
    return plots.bars(values, xlabel="return in the true world", title=f"Who does well in {task}?", ours="dream")


def curve_figure(task: str, seeds: list[dict]):
    """What the dream and the world pay while a policy learns in the dream alone."""
    dream, true = (np.stack([seed[f"curve.{place}"] for seed in seeds]) for place in ("dream", "true"))
    title = f"Does the dream flatter? ({task})"
    return plots.returns_over_training(seeds[0]["curve.update"], dream, true, title=title)


def frames_figure(task: str, reports: list[Report]):
    """PPO's return against true frames, with intervals, beside the dream's policy, which was shown none after the log."""
    rows, learners = {report.name: report.value for report in reports}, {}
    for view in ("pixels", "state"):
        found = [(frames, row.value, row.low, row.high) for frames, row in learning_curve(reports, task, view)]
        learners |= {f"PPO on {view}": np.array(found).T} if found else {}
    levels = {"the dream's policy": f"{task}.control.return.dream.in", "oracle": f"{task}.control.return.oracle.in"}
    levels = {label: rows[name] for label, name in levels.items() if name in rows}
    return plots.returns_over_frames(learners, levels, f"What does learning cost? ({task})") if learners else None


def dream_gif(model, clips, folder, name: str, seen: int = 10, steps: int = 30) -> None:
    """A moving picture: three true clips above, and below them what the model imagines from frame ``seen`` on."""
    frames = clips.videos.read([0, 1, 2])
    dream = imagine_frames(model, frames[:, :seen], steps)
    after = np.concatenate([frames[:, :seen], dream], 1)
    rows = [np.concatenate(list(part), 2) for part in (frames[:, : seen + steps], after)]  # clips side by side: (T, H, 3W, C)
    line = np.full((seen + steps, 2, rows[0].shape[2], frames.shape[-1]), 200, np.uint8)
    save_video(np.concatenate([rows[0], line, rows[1]], 1), Path(folder) / f"{name}.gif", clips.videos.frames_per_second, zoom=2)


def acting_gif(model, policy, env, folder, name: str, seed: int = 0, steps: int = 150, zoom: int = 3) -> None:
    """A moving picture: the true episodes of ``env`` side by side, as the model is shown them, with its points in colour.

    An episode that has ended stands still.
    """
    view, shades = Observed(env, model), (np.array([to_rgb(colour) for colour in COLOURS]) * 255).astype(np.uint8)
    seen, _ = view.reset(seed=seed)
    going, film = np.ones(env.num_envs, bool), []
    for _ in range(steps):
        pictures = np.stack(env.render()).repeat(zoom, 1).repeat(zoom, 2)
        places = (view.state.points[:, -1].unflatten(1, (-1, 2)).numpy(force=True) * (1, -1) + 1) / 2 * pictures.shape[1]
        for picture, points in zip(pictures, places.astype(int)):
            for k, (column, row) in enumerate(points.clip(2, pictures.shape[1] - 3)):
                picture[row - 2 : row + 3, column - 2 : column + 3] = shades[k % len(shades)]
        film.append(pictures if not film else np.where(going[:, None, None, None], pictures, film[-1]))
        seen, _, ended, cut, _ = view.step(policy.act(seen))
        going &= ~(ended | cut)
    side_by_side = np.concatenate(list(np.stack(film, 1)), 2)
    save_video(side_by_side, Path(folder) / f"{name}.gif", env.metadata["render_fps"], zoom=1)
