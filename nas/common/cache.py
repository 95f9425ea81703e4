"""Where everything is kept that can be computed again."""

import os
from pathlib import Path

import platformdirs


def cache_folder() -> Path:
    """$NAS_CACHE_DIR, or else the user's cache folder; it may be deleted at any time."""
    chosen = os.environ.get("NAS_CACHE_DIR")
    folder = (
        Path(chosen).expanduser() if chosen else platformdirs.user_cache_path("nas-search", appauthor=False)
    )
    return folder.absolute()
