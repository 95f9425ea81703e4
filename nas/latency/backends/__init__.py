"""The runtimes that can be timed. A new one is a value in a file here, and its name in `BACKENDS`."""

from nas.common.errors import UserError
from nas.latency.backends.base import Backend
from nas.latency.backends.onnx_runtimes import ONNXRUNTIME, OPENVINO
from nas.latency.backends.torch_runtimes import CUDA, EAGER, EXECUTORCH
from nas.latency.conditions import Conditions, Fingerprint

BACKENDS = {backend.name: backend for backend in (ONNXRUNTIME, EAGER, OPENVINO, EXECUTORCH, CUDA)}

__all__ = ["BACKENDS", "Backend", "find", "fingerprint"]


def find(conditions: Conditions) -> Backend:
    """The backend of these conditions.

    Raises UserError for a name that is not known, where it cannot be used here, and for a precision or a
    number of threads that it does not have.
    """
    backend = BACKENDS.get(conditions.backend)
    if backend is None:
        raise UserError(f"backend {conditions.backend!r}: expected one of {', '.join(BACKENDS)}")
    if reason := backend.missing():
        raise UserError(f"backend {backend.name} cannot be used here: {reason}")
    if conditions.precision not in backend.precisions:
        able = [name for name, other in BACKENDS.items() if conditions.precision in other.precisions]
        raise UserError(
            f"backend {backend.name} has no {conditions.precision}, only {', '.join(backend.precisions)}; "
            f"{conditions.precision} is measured with --backend {' or '.join(able)}"
        )
    if conditions.threads > 1 and backend.counts_itself:
        raise UserError(f"threads {conditions.threads}: {backend.name} computes on a device; leave it at 1")
    return backend


def fingerprint(conditions: Conditions) -> Fingerprint:
    """Of this machine under these conditions. Raises UserError where the backend cannot be used here."""
    backend = find(conditions)
    return Fingerprint(device=backend.device(), runtime=backend.version(), **vars(conditions))
