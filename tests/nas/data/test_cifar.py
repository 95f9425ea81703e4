"""CIFAR-10 from a made-up archive: on disk, packed, damaged, over a (local) network and without one."""

import hashlib
import http.server
import io
import pickle
import socket
import tarfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from torchvision.datasets import CIFAR10

from nas.data import cifar
from nas.data import dataset as data
from nas.data.cifar import CifarUnavailable, read_cifar10, unreachable

CLASSES = [f"class {i}" for i in range(10)]


def names(folder: Path) -> list[str]:
    return sorted(entry.name for entry in folder.iterdir())


def silent(message: str) -> None:
    pass


@pytest.fixture
def archive(monkeypatch: pytest.MonkeyPatch) -> bytes:
    """A packed data set in CIFAR's form, 40 training and 10 test images, whose MD5s torchvision believes."""
    random = np.random.default_rng(0)
    files = {"batches.meta": pickle.dumps({"label_names": CLASSES})}
    for name in ("data_batch_1", "data_batch_2", "test_batch"):
        labels = list(range(10)) * (1 if name == "test_batch" else 2)
        rows = random.integers(0, 256, (len(labels), 3072), dtype=np.uint8)
        files[name] = pickle.dumps({"data": rows, "labels": labels})
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as tar:
        for name, content in files.items():
            info = tarfile.TarInfo(f"cifar-10-batches-py/{name}")
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    sums = {name: hashlib.md5(content).hexdigest() for name, content in files.items()}
    monkeypatch.setattr(CIFAR10, "train_list", [[n, sums[n]] for n in ("data_batch_1", "data_batch_2")])
    monkeypatch.setattr(CIFAR10, "test_list", [["test_batch", sums["test_batch"]]])
    meta = {"filename": "batches.meta", "key": "label_names", "md5": sums["batches.meta"]}
    monkeypatch.setattr(CIFAR10, "meta", meta)
    monkeypatch.setattr(CIFAR10, "tgz_md5", hashlib.md5(packed.getvalue()).hexdigest())
    return packed.getvalue()


@pytest.fixture(autouse=True)
def offline(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A closed local port in the place of the server, and a cache of the test's own."""
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        monkeypatch.setattr(
            CIFAR10, "url", f"http://127.0.0.1:{closed.getsockname()[1]}/cifar-10-python.tar.gz"
        )
    monkeypatch.setenv("no_proxy", "*")
    monkeypatch.setenv("NAS_CACHE_DIR", str(tmp_path / "cache"))


@pytest.fixture
def serve(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., list[str]]]:
    """Serve bytes as CIFAR-10's archive; a stalling server stops after the first ten."""
    servers: list[http.server.ThreadingHTTPServer] = []
    released = threading.Event()

    def start(body: bytes, stall: bool = False) -> list[str]:
        requests: list[str] = []

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                requests.append(self.path)
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                try:
                    self.wfile.write(body[:10] if stall else body)
                except ConnectionError:
                    return  # the probe does not wait for the body
                if stall:
                    released.wait(10)

            def log_message(self, format: str, *args: object) -> None:
                pass

        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        servers.append(server)
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        monkeypatch.setattr(CIFAR10, "url", f"http://127.0.0.1:{server.server_port}/cifar-10-python.tar.gz")
        return requests

    yield start
    released.set()
    for server in servers:
        server.shutdown()
        server.server_close()


def test_download(archive: bytes, serve: Callable[..., list[str]], tmp_path: Path) -> None:
    requests = serve(archive)
    root = tmp_path / "not" / "there" / "yet"
    said: list[str] = []
    content = read_cifar10(root, said.append)
    assert content.classes == tuple(CLASSES)
    assert len(content.train) == 40
    assert len(content.test) == 10
    assert any(str(root) in message for message in said)
    assert names(root) == ["cifar-10-batches-py"]
    requests.clear()
    read_cifar10(root, silent)
    assert requests == []


def test_images_are_torchvisions(archive: bytes, tmp_path: Path) -> None:
    (tmp_path / CIFAR10.filename).write_bytes(archive)
    dataset = data.load("cifar10", root=tmp_path, validation=0.25, notify=silent)
    assert dataset.name == "CIFAR-10"
    expected = CIFAR10(tmp_path, train=False)
    test = dataset.test()
    assert np.array_equal(test.images, expected.data)
    assert test.labels.tolist() == expected.targets
    assert len(dataset.train()) == 30


def test_a_packed_archive_needs_no_network(archive: bytes, tmp_path: Path) -> None:
    (tmp_path / CIFAR10.filename).write_bytes(archive)
    assert len(read_cifar10(tmp_path, silent).train) == 40


def test_once_cached_it_needs_no_files(archive: bytes, tmp_path: Path) -> None:
    (tmp_path / CIFAR10.filename).write_bytes(archive)
    first = data.load("cifar10", root=tmp_path, notify=silent)
    assert data.load("auto", root=tmp_path / "elsewhere", notify=silent) == data.load(
        "cifar10", root=tmp_path / "elsewhere", notify=silent
    )
    assert data.load("auto", root=tmp_path, notify=silent) == first


def test_without_a_network_it_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(CifarUnavailable) as caught:
        data.load("cifar10", root=tmp_path / "root", notify=silent)
    message = str(caught.value)
    assert "\n" not in message
    for word in (CIFAR10.url, str(tmp_path / "root" / CIFAR10.filename), "folder:", "digits"):
        assert word in message
    assert not (tmp_path / "root").exists()


def test_auto_takes_digits_and_says_so(tmp_path: Path) -> None:
    said: list[str] = []
    dataset = data.load("auto", root=tmp_path / "root", notify=said.append)
    assert dataset.name == "digits"
    notice = said[0]
    assert "NOT CIFAR-10" in notice
    assert "DIGITS" in notice
    assert len(notice.splitlines()) >= 4
    assert str(tmp_path / "root" / CIFAR10.filename) in notice


def test_partial_downloads_are_named(archive: bytes, tmp_path: Path) -> None:
    (tmp_path / CIFAR10.filename).write_bytes(archive[:100])
    (tmp_path / CIFAR10.base_folder).mkdir()
    (tmp_path / CIFAR10.base_folder / "data_batch_2").write_bytes(b"half")
    with pytest.raises(CifarUnavailable) as caught:
        read_cifar10(tmp_path, silent)
    for word in ("damaged", "data_batch_2", CIFAR10.filename):
        assert word in str(caught.value)
    assert "data_batch_1" not in str(caught.value)


def test_damage_is_repaired_by_a_download(
    archive: bytes, serve: Callable[..., list[str]], tmp_path: Path
) -> None:
    serve(archive)
    read_cifar10(tmp_path, silent)
    (tmp_path / CIFAR10.base_folder / "data_batch_2").write_bytes(b"half")
    assert len(read_cifar10(tmp_path, silent).train) == 40


def test_a_damaged_download_is_refused(
    archive: bytes, serve: Callable[..., list[str]], tmp_path: Path
) -> None:
    serve(b"<html>please sign in to this network</html>")
    with pytest.raises(CifarUnavailable, match="corrupted"):
        read_cifar10(tmp_path, silent)
    assert names(tmp_path) == []


def test_a_stalled_download_ends(
    archive: bytes, serve: Callable[..., list[str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cifar, "STALL_SECONDS", 0.3)
    serve(archive, stall=True)
    start = time.monotonic()
    with pytest.raises(CifarUnavailable, match="timed out"):
        read_cifar10(tmp_path, silent)
    assert time.monotonic() - start < 5
    assert names(tmp_path) == []
    assert socket.getdefaulttimeout() is None


def test_a_silent_server_is_noticed() -> None:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        start = time.monotonic()
        assert unreachable(f"http://127.0.0.1:{listening.getsockname()[1]}/", 0.3)
        assert time.monotonic() - start < 2


def test_a_silent_name_server_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    released = threading.Event()

    def never(*arguments: object, **options: object) -> list[object]:
        released.wait(10)
        raise socket.gaierror("too late")

    monkeypatch.setattr(socket, "getaddrinfo", never)
    start = time.monotonic()
    assert "no answer" in (unreachable("http://name.invalid/", 0.3) or "")
    assert time.monotonic() - start < 2
    released.set()


def test_the_bounds_keep_the_promise_of_15_seconds() -> None:
    assert cifar.PROBE_SECONDS <= 10
    assert cifar.STALL_SECONDS <= 15
