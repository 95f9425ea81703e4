"""nas.common.cache: one folder for everything that can be computed again."""

from pathlib import Path

import pytest

from nas.common.cache import cache_folder


def test_the_variable_moves_the_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("NAS_CACHE_DIR", str(tmp_path))
    assert cache_folder() == tmp_path
    monkeypatch.setenv("NAS_CACHE_DIR", "~/elsewhere")
    assert cache_folder() == Path.home() / "elsewhere"
    monkeypatch.delenv("NAS_CACHE_DIR")
    assert "nas-search" in str(cache_folder())
