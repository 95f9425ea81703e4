"""Pages in a real browser, for the tests of pages; skipped where Playwright or a Chromium is missing.

A browser that was not installed by Playwright is named by NAS_CHROMIUM, or is found on the path.
"""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

playwright = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed")
SIZES = {"wide": (1280, 900), "narrow": (390, 844)}


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with playwright.sync_playwright() as library:
        named = os.environ.get("NAS_CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
        try:
            found = library.chromium.launch(executable_path=named, args=["--no-sandbox"])
        except playwright.Error as error:
            pytest.skip(f"no Chromium can be started: {str(error).splitlines()[0]}")
        yield found
        found.close()


def opened(
    browser: Any, file: Path, size: str = "wide", scheme: str = "light", *, drawn: bool = True
) -> tuple[Any, list[str]]:
    """A page that is loaded without a network, and the list that its errors come into."""
    width, height = SIZES[size]
    context = browser.new_context(
        viewport={"width": width, "height": height}, color_scheme=scheme, offline=True
    )
    page, errors = context.new_page(), []
    page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("request", lambda asked: None if asked.url.startswith("file:") else errors.append(asked.url))
    page.goto(file.as_uri())
    if drawn:
        page.wait_for_selector(".plot .main-svg")
    return page, errors
