"""Saved models: safetensors beside a manifest with the sha256 of every file; the manifest is replaced last, and whole."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict
from pathlib import Path

import safetensors.torch
import torch

from ..files import sha256, write_whole
from ..model import WorldModel, WorldModelConfig
from ..settings import CheckpointError, WorldModelError

FORMAT = 1


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
    is written over, and the manifest that names them is moved into place last.
    """
    path, files = Path(path), {}
    for part, tensors in parts.items():
        tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
        blob = safetensors.torch.save(tensors)
        digest = hashlib.sha256(blob).hexdigest()
        files[part] = {"file": f"{part}-{step:07d}-{digest[:8]}.safetensors", "sha256": digest}
        write_whole(path / files[part]["file"], lambda file, blob=blob: file.write(blob))
    manifest = {"format": FORMAT, "config": config, "step": step, "files": files, "about": about}
    text = json.dumps(manifest, indent=1).encode()
    write_whole(path / "manifest.json", lambda file: file.write(text))
    kept = {entry["file"] for entry in files.values()}
    for pattern in ("*.safetensors", ".*.safetensors.*", ".manifest.json.*"):  # a dot: left behind by a kill
        for old in path.glob(pattern):
            if old.name not in kept:
                old.unlink(missing_ok=True)
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
        manifest = json.loads(file.read_text())
    except FileNotFoundError:
        raise CheckpointError(f"{file}: missing; no model is saved here") from None
    except (OSError, ValueError, RecursionError) as error:
        raise CheckpointError(f"{file}: {error}") from None
    if not isinstance(manifest, dict) or {"format", "config", "step", "files", "about"} - set(manifest):
        raise CheckpointError(f"{file}: not the manifest of a model")
    if manifest["format"] != FORMAT:
        raise CheckpointError(f"{file}: format {manifest['format']}; this package reads {FORMAT}")
    for name, kind in {"config": dict, "step": int, "files": dict, "about": dict}.items():
        if not isinstance(manifest[name], kind):
            raise CheckpointError(f"{file}: {name} is {manifest[name]!r:.40}, not a {kind.__name__}")
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
        return file, safetensors.torch.load_file(file)
    except Exception as error:  # safetensors has an error type of its own, which its Python package does not always export
        raise CheckpointError(f"{file}: {error}") from None


def _parameters(optimizers):
    return [(one, p) for one in optimizers for group in one.param_groups for p in group["params"]]
