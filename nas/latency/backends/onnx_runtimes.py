"""The runtimes that take ONNX graphs, on the CPU: ONNX Runtime, which is the default, and OpenVINO."""

from importlib.metadata import version

from nas.latency import graphs
from nas.latency.backends.base import Backend, needs
from nas.latency.timing.runtimes import RUNTIMES


def _backend(name: str, remedy: str) -> Backend:
    run = RUNTIMES[name]
    return Backend(
        name=name,
        load=lambda subject, of: run(graphs.written(subject, of).SerializeToString(), of.threads),
        missing=needs(name, remedy),
        version=lambda: f"{name} {version(name)}",
        precisions=("float32", "int8"),
    )


ONNXRUNTIME = _backend("onnxruntime", "pip install onnxruntime")
OPENVINO = _backend("openvino", "pip install 'nas-search[openvino]'")
