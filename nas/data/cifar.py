"""CIFAR-10 through torchvision, on machines with, without or with half a network.

torchvision downloads without a time limit and straight into place; here the server is first asked
for an answer within a bound, the download goes to a temporary folder, and what is missing or damaged
is said together with what to do about it.
"""

from __future__ import annotations

import http.client
import queue
import socket
import tarfile
import tempfile
import threading
import urllib.request
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import platformdirs

from nas.common.errors import UserError
from nas.common.files import is_full
from nas.data.folders import Content
from nas.data.pictures import Item

if TYPE_CHECKING:
    from torchvision.datasets import CIFAR10

PROBE_SECONDS = 8.0
STALL_SECONDS = 15.0
# The archive's contents never change (its MD5 is checked), so neither does what is cached from it.
KEY = "cifar10:c58f30108f718f92721af3b95e74349a"


class CifarUnavailable(UserError):
    """CIFAR-10 is not on disk, or damaged, and cannot be downloaded. The message says what to do."""


def default_root() -> Path:
    """Return the folder that data sets are downloaded to: the user's data folder of this program."""
    return platformdirs.user_data_path("nas-search", appauthor=False)


def read_cifar10(root: Path, notify: Callable[[str], None]) -> Content:
    """Return CIFAR-10's 50,000 training and 10,000 test images, downloaded to `root` if need be.

    Raises CifarUnavailable within about 10 s if the server does not answer; a full disk is an OSError.
    """
    from torchvision.datasets import CIFAR10  # takes seconds: only when nothing is cached

    if _damaged(root):
        _obtain(root, notify)
    with warnings.catch_warnings():
        # The archive's pickles are older than numpy 2, which remarks on that.
        warnings.simplefilter("ignore", np.exceptions.VisibleDeprecationWarning)
        train, test = CIFAR10(root, train=True), CIFAR10(root, train=False)
    return Content(tuple(train.classes), _items("train", train), _items("test", test))


def _items(part: str, data: CIFAR10) -> list[Item]:
    pairs = enumerate(zip(data.data, data.targets, strict=True))
    return [Item(f"{part}/{i:05d}", label, pixels) for i, (pixels, label) in pairs]


def _damaged(root: Path) -> dict[str, bool]:
    """Return the files of the unpacked data set that are not as they should be -> whether they exist."""
    from torchvision.datasets import CIFAR10
    from torchvision.datasets.utils import check_integrity

    folder = root / CIFAR10.base_folder
    files = [*CIFAR10.train_list, *CIFAR10.test_list, [CIFAR10.meta["filename"], CIFAR10.meta["md5"]]]
    return {
        name: (folder / name).exists() for name, md5 in files if not check_integrity(str(folder / name), md5)
    }


def _obtain(root: Path, notify: Callable[[str], None]) -> None:
    """Unpack the archive if it lies in `root` whole, else download it; then move the files into place."""
    from torchvision.datasets import CIFAR10
    from torchvision.datasets.utils import check_integrity, extract_archive

    archive = root / CIFAR10.filename
    whole = check_integrity(str(archive), CIFAR10.tgz_md5)
    if not whole:
        problem = unreachable(CIFAR10.url, PROBE_SECONDS)
        if problem:
            raise _unavailable(root, problem)
        notify(f"downloading CIFAR-10 (170 MB) to {root}")
    try:
        root.mkdir(parents=True, exist_ok=True)
        with (
            tempfile.TemporaryDirectory(prefix="cifar10-", dir=root) as temporary,
            _socket_timeout(STALL_SECONDS),
        ):
            if whole:
                extract_archive(str(archive), temporary)
            else:
                CIFAR10(temporary, download=True)
            target = root / CIFAR10.base_folder
            target.mkdir(exist_ok=True)
            for file in (Path(temporary) / CIFAR10.base_folder).iterdir():
                file.replace(target / file.name)
    except (OSError, RuntimeError, EOFError, http.client.HTTPException, tarfile.TarError) as error:
        if is_full(error):
            raise
        raise _unavailable(root, str(error) or type(error).__name__) from error
    if _damaged(root):
        raise _unavailable(root, "what arrived is damaged")


def unreachable(url: str, seconds: float) -> str | None:
    """Ask `url` for an answer. Return None if there is one within `seconds`, else why not.

    On a thread of its own, because a timeout bounds neither the look-up of a name nor the sum over
    the addresses that it has. Goes through the proxies that the download would go through.
    """
    answers: queue.SimpleQueue[str | None] = queue.SimpleQueue()

    def ask() -> None:
        try:
            with urllib.request.urlopen(url, timeout=seconds):
                answers.put(None)
        except (OSError, http.client.HTTPException, ValueError) as error:
            answers.put(str(getattr(error, "reason", error)) or type(error).__name__)

    threading.Thread(target=ask, daemon=True).start()
    try:
        return answers.get(timeout=seconds)
    except queue.Empty:
        return f"no answer within {seconds:g} s"


@contextmanager
def _socket_timeout(seconds: float) -> Iterator[None]:
    """Bound every wait for the network inside, since torchvision offers no way to."""
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(seconds)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)


def _unavailable(root: Path, problem: str) -> CifarUnavailable:
    from torchvision.datasets import CIFAR10

    archive = root / CIFAR10.filename
    damaged = [f"{CIFAR10.base_folder}/{name}" for name, exists in _damaged(root).items() if exists]
    damaged += [CIFAR10.filename] if archive.exists() else []
    state = f"holds it damaged or incomplete (MD5 of {', '.join(damaged)})" if damaged else "does not hold it"
    return CifarUnavailable(
        f"CIFAR-10 cannot be had: {root} {state}, and the download failed ({problem}). "
        f"Download {CIFAR10.url} elsewhere and put it, still packed, at {archive} (MD5 {CIFAR10.tgz_md5}); "
        "or use your own images with folder:PATH; or digits, which needs no download"
    )
