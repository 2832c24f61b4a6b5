"""Saved models: safetensors beside a manifest with the sha256 of every file and of itself, which is replaced last, and whole."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict
from pathlib import Path

import safetensors.torch
import torch

from ..files import VERSION, each_once, held, read_signed, sha256, signed, write_whole
from ..model import WorldModel, WorldModelConfig
from ..settings import CheckpointError, WorldModelError

HEADER = 100_000_000  # bytes; safetensors reads no longer one
KEYS = {"format": int, "config": dict, "step": int, "files": dict, "about": dict}


def save(model: WorldModel, path, step: int = 0, optimizers=(), **about) -> Path:
    """Write a model (and, for resuming, its optimisers) into the folder ``path``. ``about`` is any JSON to travel along."""
    parts = {"weights": model.state_dict()}
    if optimizers:
        parts["optimizer"] = {
            f"{number}.{key}": value
            for number, (optimizer, parameter) in enumerate(_parameters(optimizers))
            for key, value in optimizer.state.get(parameter, {}).items()
        }
    return save_tensors(path, parts, asdict(model.config), step, **about)


def save_tensors(path, parts: dict[str, dict[str, torch.Tensor]], config: dict, step: int = 0, **about) -> Path:
    """Write named groups of tensors and the config they belong to.

    A kill at any moment leaves the earlier checkpoint or this one: files carry step and content in their names, so none
    is written over, and the manifest that names them is moved into place last. A second writer waits for its turn.

    Raises:
        CheckpointError: the folder cannot be written to, or the disk is full; what was saved before is as it was.
    """
    path, blobs, files = Path(path), {}, {}
    for part, tensors in parts.items():
        blob = safetensors.torch.save({name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()})
        digest = hashlib.sha256(blob).hexdigest()
        files[part] = {"file": f"{part}-{step:07d}-{digest[:8]}.safetensors", "sha256": digest}
        blobs[files[part]["file"]] = blob
    manifest = signed({"format": VERSION, "config": config, "step": step, "files": files, "about": about})
    try:
        path.mkdir(parents=True, exist_ok=True)
        with held(path):
            before = {file.name for file in path.iterdir()}
            try:
                for name, blob in {**blobs, "manifest.json": json.dumps(manifest, indent=1).encode()}.items():
                    write_whole(path / name, lambda file, blob=blob: file.write(blob))
            except OSError:
                for name in set(blobs) - before:
                    (path / name).unlink(missing_ok=True)
                raise
            for pattern in ("*.safetensors", ".*.safetensors.*", ".manifest.json.*"):  # a dot: left behind by a kill
                for old in path.glob(pattern):
                    if old.name not in blobs:
                        old.unlink(missing_ok=True)
    except OSError as error:
        raise CheckpointError(f"{path}: nothing was saved here: {error.strerror or error}") from error
    return path


def load(path, device: str = "cpu") -> WorldModel:
    """Open a saved model, checked: every byte against its sha256, every tensor against the config.

    Raises:
        CheckpointError: missing, damaged, of another format, or weights that do not fit; the message names the file.
    """
    return load_module(path, lambda config: WorldModel(WorldModelConfig(**config))).to(device)


def load_module(path, build) -> torch.nn.Module:
    """``build(config)`` filled with the saved ``weights``, under the same checks as `load`."""
    path = Path(path)
    manifest = read_manifest(path)
    try:
        module = build(manifest["config"])
    except (TypeError, WorldModelError) as error:
        raise CheckpointError(f"{path / 'manifest.json'}: {error}") from None
    file, tensors = _tensors(path, manifest, "weights")
    try:
        module.load_state_dict(tensors)
    except RuntimeError as error:
        raise CheckpointError(f"{file}: {error}") from None
    if not all(torch.isfinite(tensor).all() for tensor in tensors.values()):
        raise CheckpointError(f"{file}: holds weights that are not finite")
    return module.eval()


def load_optimizers(path, optimizers) -> None:
    """Put the saved state back into optimisers over the same parameters."""
    path = Path(path)
    file, tensors = _tensors(path, read_manifest(path), "optimizer")
    for number, (optimizer, parameter) in enumerate(_parameters(optimizers)):
        state = {key.split(".")[1]: value for key, value in tensors.items() if key.split(".")[0] == str(number)}
        if state:
            optimizer.state[parameter] = {k: v if k == "step" else v.to(parameter.device) for k, v in state.items()}


def read_manifest(path: Path) -> dict:
    """The manifest of a saved model, checked for its form."""
    file = Path(path) / "manifest.json"
    try:
        manifest = read_signed(file, KEYS, CheckpointError)
    except FileNotFoundError:
        raise CheckpointError(f"{file}: missing; no model is saved here") from None
    for entry in manifest["files"].values():
        if not (isinstance(entry, dict) and all(isinstance(entry.get(key), str) for key in ("file", "sha256"))):
            raise CheckpointError(f"{file}: files has an entry that cannot be used: {entry!r:.80}")
    return manifest


def _tensors(path: Path, manifest: dict, part: str) -> tuple[Path, dict]:
    entry = manifest["files"].get(part)
    if entry is None:
        raise CheckpointError(f"{path / 'manifest.json'}: holds no {part}")
    file = path / Path(entry["file"]).name  # a name, never a path that leads elsewhere
    if not file.is_file():
        raise CheckpointError(f"{file}: missing")
    if sha256(file) != entry["sha256"]:
        raise CheckpointError(f"{file}: its sha256 is not the manifest's; the file is damaged or incomplete")
    try:
        with open(file, "rb") as opened:  # 8 bytes say how long the header is
            json.loads(opened.read(min(int.from_bytes(opened.read(8), "little"), HEADER)), object_pairs_hook=each_once)
        return file, safetensors.torch.load_file(file)
    except Exception as error:  # safetensors has an error type of its own, which its Python package does not always export
        raise CheckpointError(f"{file}: {error}") from None


def _parameters(optimizers):
    return [(one, p) for one in optimizers for group in one.param_groups for p in group["params"]]
