"""Floor 1: many independent pieces of work, on the cores of this machine or on a Ray cluster."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from .settings import ConfigError

RETRIES = 3  # of a piece whose worker was lost


def spread(pieces: list[Callable], workers: int = 1, ray: str | None = None, threads: bool = False) -> Iterator:
    """Call every piece; its results in the order of the pieces, each as soon as it and those before it are there.

    Args:
        workers: processes on this machine; 1 is this process itself.
        ray: the address of a Ray cluster to send the pieces to instead, ``auto`` for this machine's; one that this process has
            joined before is kept. Its machines share the folders that the pieces write to. A piece whose worker was lost is
            called again.
        threads: workers are threads: for work that lets go of the interpreter.

    Raises:
        ConfigError: Ray is asked for and not installed.
    """
    if ray is not None:
        return _on_ray(pieces, ray)
    if workers == 1:
        return (piece() for piece in pieces)
    from joblib import Parallel, delayed

    pool = Parallel(n_jobs=workers, prefer="threads" if threads else "processes", return_as="generator")
    return pool(delayed(piece)() for piece in pieces)


def _on_ray(pieces, address):
    try:
        import ray
    except ImportError:
        raise ConfigError('a cluster needs an extra: pip install "worldmodel[cluster]"') from None
    if not ray.is_initialized():
        ray.init(address=address, log_to_driver=False)
    call = ray.remote(max_retries=RETRIES)(lambda piece: piece())
    waiting = [call.remote(piece) for piece in pieces]
    return (ray.get(one) for one in waiting)
