"""Can it tell the dream? A detector that sees a few moments of a path of latents, and says whether a camera stood behind them.

Paths of points alone are shown: what a dream believes of constants stands still, and would give it away at once.
"""

from __future__ import annotations

import numpy as np
from scipy.stats import spearmanr
from sklearn.ensemble import HistGradientBoostingClassifier

from ..probing import auroc
from ..settings import generator

WINDOW = 4  # moments that the detector sees at a time


def tell_dreams(
    true: np.ndarray, true_valid: np.ndarray, dream: np.ndarray, dream_valid: np.ndarray, seed: int = 0
) -> dict[str, np.ndarray]:
    """Score every window of true and dreamt paths (N, T, D) by a detector fitted to the other half of the episodes.

    Args:
        true_valid, dream_valid: (N, T), False after an episode's end. Episode n of both has the same start.

    Returns:
        ``true`` and ``dream`` (N,), the mean log-odds of being a dream over an episode's windows, NaN where it has none, and
        ``windows.true``, ``windows.dream`` (M,) of all windows.
    """
    (true, of_true), (dream, of_dream) = (_windows(*pair) for pair in ((true, true_valid), (dream, dream_valid)))
    half = generator(seed, 9).permutation(len(true_valid)) % 2
    scores = [np.empty(len(windows)) for windows in (true, dream)]
    for part in (0, 1):
        others = [windows[half[of] != part] for windows, of in ((true, of_true), (dream, of_dream))]
        seen, label = np.concatenate(others), np.repeat([0, 1], [len(one) for one in others])
        fitted = HistGradientBoostingClassifier(max_iter=100, class_weight="balanced", random_state=0).fit(seen, label)
        for score, windows, of in zip(scores, (true, dream), (of_true, of_dream)):
            score[half[of] == part] = fitted.decision_function(windows[half[of] == part])
    counts = [np.bincount(of, minlength=len(half)) for of in (of_true, of_dream)]
    sums = [np.bincount(of, score, len(half)) for of, score in zip((of_true, of_dream), scores)]
    means = [np.where(count > 0, total / np.maximum(count, 1), np.nan) for total, count in zip(sums, counts)]
    return {"true": means[0], "dream": means[1], "windows.true": scores[0], "windows.dream": scores[1]}


def told_apart(windows_true: np.ndarray, windows_dream: np.ndarray) -> float:
    """AUROC of the detector over windows; 0.5 is a dream that cannot be told."""
    return auroc(windows_true, windows_dream)


def explained(score: np.ndarray, true_return: np.ndarray, dream_return: np.ndarray) -> float:
    """Rank correlation over episodes of how dreamlike a dream looks with how far its return is from the true one's."""
    there = np.isfinite(score)
    return float(spearmanr(score[there], np.abs(dream_return - true_return)[there]).statistic)


def gap_where_real(score: np.ndarray, true_return: np.ndarray, dream_return: np.ndarray) -> tuple[float, float]:
    """Mean of dream return less true return: over all episodes, and over the half whose dreams look most real."""
    there = np.isfinite(score)
    flattery = (dream_return - true_return)[there]
    return float(flattery.mean()), float(flattery[score[there] <= np.median(score[there])].mean())


def _windows(paths, valid):
    """All windows of moments that are valid throughout, (M, WINDOW * D): where it is, and its moves; and whose they are, (M,)."""
    short = max(0, WINDOW - valid.shape[1])
    paths, valid = np.pad(paths, ((0, 0), (0, short), (0, 0))), np.pad(valid, ((0, 0), (0, short)))
    paths = np.lib.stride_tricks.sliding_window_view(paths, WINDOW, 1).swapaxes(2, 3)  # (N, T', WINDOW, D)
    whole = np.lib.stride_tricks.sliding_window_view(valid, WINDOW, 1).all(-1)
    seen = np.concatenate([paths[:, :, -1:], np.diff(paths, axis=2)], 2)
    return seen[whole].reshape(whole.sum(), WINDOW * seen.shape[-1]), np.nonzero(whole)[0]
