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
        ``windows.true`` and ``windows.dream`` (N, T'), the log-odds of being a dream of each window, NaN where there is none; and
        ``true`` and ``dream`` (N,), their means over an episode.
    """
    (true, there), (dream, dreamt) = (_moves(*pair) for pair in ((true, true_valid), (dream, dream_valid)))
    half = generator(seed, 9).permutation(len(true_valid)) % 2
    scores = {"true": np.full(there.shape, np.nan), "dream": np.full(dreamt.shape, np.nan)}
    for part in (0, 1):
        learn, other = half != part, half == part
        seen = [moves[learn][whole[learn]] for moves, whole in ((true, there), (dream, dreamt))]
        label = np.repeat([0, 1], [len(one) for one in seen])
        fitted = HistGradientBoostingClassifier(max_iter=100, class_weight="balanced", random_state=0)
        fitted.fit(np.concatenate(seen), label)
        for score, moves, whole in zip(scores.values(), (true, dream), (there, dreamt)):
            if whole[other].any():
                score[whole & other[:, None]] = fitted.decision_function(moves[other][whole[other]])
    counts = {name: np.isfinite(score).sum(1) for name, score in scores.items()}
    means = {name: np.where(counts[name] > 0, np.nansum(score, 1) / np.maximum(counts[name], 1), np.nan)
             for name, score in scores.items()}  # fmt: skip
    return means | {f"windows.{name}": score for name, score in scores.items()}


def told_apart(windows_true: np.ndarray, windows_dream: np.ndarray) -> float:
    """AUROC of the detector over windows (NaN: no window); 0.5 is a dream that cannot be told. NaN where one kind has none."""
    kinds = [windows[np.isfinite(windows)] for windows in (windows_true, windows_dream)]
    return auroc(*kinds) if all(len(windows) for windows in kinds) else np.nan


def explained(score: np.ndarray, true_return: np.ndarray, dream_return: np.ndarray) -> float:
    """Rank correlation over episodes of how dreamlike a dream looks with how far its return is from the true one's.

    NaN where one of them is the same throughout, or no dream lasted long enough to be looked at.
    """
    return rank_correlation(score, np.abs(dream_return - true_return))


def rank_correlation(one: np.ndarray, other: np.ndarray) -> float:
    """Spearman's, over the episodes that have both numbers; NaN where it has no meaning."""
    there = np.isfinite(one) & np.isfinite(other)
    one, other = one[there], other[there]
    return float(spearmanr(one, other).statistic) if len(one) and np.ptp(one) and np.ptp(other) else np.nan


def gap_where_real(score: np.ndarray, true_return: np.ndarray, dream_return: np.ndarray) -> tuple[float, float]:
    """Mean of dream return less true return: over all episodes, and over the half whose dreams look most real.

    NaN where no dream lasted long enough to be looked at.
    """
    there = np.isfinite(score)
    if not there.any():
        return np.nan, np.nan
    flattery = (dream_return - true_return)[there]
    return float(flattery.mean()), float(flattery[score[there] <= np.median(score[there])].mean())


def windows(paths, valid, length: int) -> tuple[np.ndarray, np.ndarray]:
    """All stretches (N, T', length, D) of paths (N, T, D), and which are valid throughout, (N, T')."""
    short = max(0, length - valid.shape[1])
    paths, valid = np.pad(paths, ((0, 0), (0, short), (0, 0))), np.pad(valid.astype(bool), ((0, 0), (0, short)))
    seen = np.lib.stride_tricks.sliding_window_view(paths, length, 1).swapaxes(2, 3)
    return seen, np.lib.stride_tricks.sliding_window_view(valid, length, 1).all(-1)


def _moves(paths, valid):
    """Windows (N, T', F): where it is, and its moves, flattened; and which are valid throughout, (N, T')."""
    paths, whole = windows(paths, valid, WINDOW)
    return np.concatenate([paths[:, :, -1:], np.diff(paths, axis=2)], 2).reshape(*whole.shape, -1), whole
