"""Is the moment of a contact in a state? One linear probe on the states of a log, on clips that it was not fitted on."""

from __future__ import annotations

import numpy as np
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from ..model import WorldModel
from ..probing import auroc, permuted
from ..settings import generator
from ..videos import Videos, truth


@torch.no_grad()
def read_contacts(model: WorldModel, videos: Videos, seed: int = 0, batch: int = 64) -> dict[str, np.ndarray]:
    """Whether body and paddle met since the frame before, scored from each frozen state of the later half of a log's clips.

    Returns:
        ``label`` bool and ``score``; ``shuffled``, the score of a probe whose labels were permuted, and ``places``, of one that
        sees the points of a single frame alone; ``valid``, up to the episode's end; each (N / 2, T).
    """
    label, ends, actions = truth(videos)["touch"] > 0, videos.ends, videos.actions
    valid, half = np.cumsum(ends, 1) - ends == 0, len(videos) // 2
    rows = [slice(i, i + batch) for i in range(0, len(videos), batch)]
    observed = [model.observe(videos[row].frames, actions[row]) for row in rows]
    states = torch.cat([state.vector() for state in observed]).numpy(force=True)
    places = torch.cat([state.points for state in observed]).numpy(force=True)
    known = label[:half][valid[:half]]

    def scored(states, known):
        seen, scaler = states[:half][valid[:half]], StandardScaler()
        fitted = LogisticRegression(max_iter=1000).fit(scaler.fit_transform(seen), known)
        return fitted.decision_function(scaler.transform(states[half:].reshape(-1, seen.shape[1]))).reshape(label[half:].shape)

    mixed = permuted(known, generator(seed, 8))
    scores = {"score": scored(states, known), "shuffled": scored(states, mixed), "places": scored(places, known)}
    return {"label": label[half:], "valid": valid[half:]} | scores


def contact_auroc(label: np.ndarray, valid: np.ndarray, score: np.ndarray) -> float:
    """The chance that a frame with a contact scores above one without; all (N, T)."""
    return auroc(score[valid & ~label], score[valid & label])
