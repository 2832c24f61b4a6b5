"""Three models that are not ours, as the protocol takes them: `video_network`, `pixel_pca`, `oracle_tracker`."""

from __future__ import annotations

import numpy as np
import torch
from sklearn.decomposition import PCA

from ..probing import oracle_gravity, track
from ..settings import generator
from .protocol import FRAMES

WINDOW = 8  # frames that the network and the components look back over
COMPONENTS = 64  # of each frame
RESIDUAL = 0.03  # px, twice the tracker's error


class VideoNetwork:
    """ResNet3D-18 of torchvision (Tran et al. 2018), random weights, on the last `WINDOW` frames: 512 numbers.

    It runs after the k frames at which the battery reads, and its output stands until the next: 0.1 s a window on one core.
    """

    def __init__(self):
        from torchvision.models.video import r3d_18

        self.network = r3d_18(weights=None).eval()
        self.network.fc = torch.nn.Identity()

    @torch.inference_mode()
    def features(self, frames: np.ndarray) -> np.ndarray:
        clips = torch.from_numpy(frames).movedim(-1, 1).float().expand(-1, 3, -1, -1, -1) / 255 - 0.45  # the mean of its kind
        stops = [k for k in FRAMES if k <= frames.shape[1]]
        states = [self.network(clips[:, :, max(0, k - WINDOW) : k]).numpy() for k in stops]
        return np.stack(states, 1).repeat(np.diff([*stops, frames.shape[1] + 1]), 1)


class PixelPCA:
    """Principal components of the pixels of the last `WINDOW` frames side by side, fitted on the probe's training clips.

    Where there was no frame yet stand zeros: the mean picture.
    """

    def prepare(self, frames: np.ndarray) -> None:
        pictures = frames.reshape(-1, *frames.shape[2:])
        chosen = generator(0).choice(len(pictures), min(len(pictures), 2000), replace=False)
        self.pca = PCA(COMPONENTS, svd_solver="randomized", random_state=0).fit(self._flat(pictures[chosen]))

    def features(self, frames: np.ndarray) -> np.ndarray:
        n, length = frames.shape[:2]
        each = self.pca.transform(self._flat(frames.reshape(-1, *frames.shape[2:]))).reshape(n, length, -1)
        padded = np.pad(each, [(0, 0), (WINDOW - 1, 0), (0, 0)])
        return np.concatenate([padded[:, i : i + length] for i in range(WINDOW)], 2)

    @staticmethod
    def _flat(pictures):
        return pictures.reshape(len(pictures), -1).astype(np.float32) / 255


class OracleTracker:
    """Told what to look for: place and speed of the one bright body, and g by least squares on the windows in flight so far.

    In px and frames. 0 where it sees no body, or before it can know.
    """

    def features(self, frames: np.ndarray) -> np.ndarray:
        place = track(frames)
        speed = np.diff(place, axis=1, prepend=place[:, :1])
        g = np.zeros(place.shape[:2])
        for k in range(3, place.shape[1] + 1):
            g[:, k - 1] = oracle_gravity(place[:, :k], 1.0, residual_limit=RESIDUAL)
        return np.nan_to_num(np.concatenate([place, speed, g[..., None]], 2))


video_network, pixel_pca, oracle_tracker = VideoNetwork, PixelPCA, OracleTracker  # factories: called without arguments
