"""How near a probe comes to the most that noisy pixels allow: the Cramér-Rao bound over its error, in flight."""

from __future__ import annotations

import numpy as np

from ..physics import FRAMES_PER_SECOND, SCENES
from ..physics.camera import BODY
from ..probing import Report, disc_sigma, gravity_sd, quantisation_noise
from .reading import gravity_of, probe
from .reports import rows_of

FLIGHT = 8  # frames, none of them after a contact


def read_in_flight(model, sets, scene: str = "noisy") -> dict[str, np.ndarray]:
    """g after `FLIGHT` frames of free flight, ``read`` and ``g`` (N,), and the bound ``sd`` (N,) of each clip, in m/s^2.

    The bound is that of a parabola whose start and speed are unknown, under the Fisher information of the rendered
    disc: the pixels' noise, and that of rounding them to 8 bits.
    """
    flies = {name: (sets[name].truth["contacts"][:, :FLIGHT] == 0).all(1) for name in ("train", "validation", "test")}
    features = {name: model.features(sets[name].frames(FLIGHT)[rows])[:, -1] for name, rows in flies.items()}
    g = {name: values[flies[name]] for name, values in gravity_of(sets).items()}
    truth, camera = sets["test"].truth, SCENES[scene]
    metres, noise = float(truth["metres_per_pixel"][0]), float(np.hypot(camera.noise, quantisation_noise()))
    sizes = np.linspace(truth["radius"].min(), truth["radius"].max(), 9)
    sigma = [disc_sigma(size / metres, noise, BODY - camera.background) * metres for size in sizes]
    sigma = np.interp(truth["radius"][flies["test"]], sizes, sigma)
    sd = np.array([gravity_sd(FLIGHT, float(one), 1 / FRAMES_PER_SECOND) for one in sigma])
    return {"read": probe(features, g)["test"], "g": g["test"], "sd": sd}


def efficiency_reports(seeds: list[dict], preset: str = "full") -> list[Report]:
    """`ball.clean.A.efficiency.k8`: a plain scene with pixel noise 0.05, in training and test."""

    def efficiency(read, g, sd):
        return float(np.sqrt((sd**2).mean() / ((read - g) ** 2).mean()))

    def error(read, g):
        return float(np.sqrt(((read - g) ** 2).mean()))

    row, limit = rows_of("ball.clean.A", seeds, preset), float(np.sqrt((seeds[0]["sd"] ** 2).mean()))
    return [
        row("efficiency.k8", [(s["read"], s["g"], s["sd"]) for s in seeds], efficiency, mark=">= 0.2", limit=1.0),
        row("rmse_in_flight.k8", [(s["read"], s["g"]) for s in seeds], error, unit="m/s^2", limit=limit),
    ]
