"""HTML from templates: tables, and whole documents that fetch nothing."""

import html
import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from textwrap import wrap
from typing import Any

from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from nas.figures import palette

# Plotly shows a few HTML entities as they are written, `&quot;` among them.
escape = partial(html.escape, quote=False)

_HERE = "nas.figures"
PAGES = {
    "front.html": "Search",
    "importance.html": "What mattered",
    "comparison.html": "Comparison",
    "ablation.html": "Ablation",
}
"""The pages that a run's folder may hold, and what links to them say."""


@dataclass(frozen=True)
class Link:
    """To another page of a run; `here` for the page itself."""

    text: str
    href: str
    here: bool


@cache
def _templates(package: str) -> Environment:
    """The templates of a package, and those that all share."""
    packages = dict.fromkeys((package, _HERE))
    return Environment(
        loader=ChoiceLoader([PackageLoader(name) for name in packages]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


@cache
def source(name: str, package: str = _HERE) -> Markup:
    """A file among a package's templates as it stands: a style sheet, a script."""
    environment = _templates(package)
    assert environment.loader is not None
    return Markup(environment.loader.get_source(environment, name)[0])


def render(template: str, package: str = _HERE, **values: Any) -> Markup:
    """A template of a package filled in; texts among the values are escaped, and Markup is not."""
    return Markup(_templates(package).get_template(template).render(**values))


def whole(
    title: str,
    body: str,
    *,
    plotly: str = "",
    scripts: Sequence[Markup] = (),
    at: Path | None = None,
    live: str = "",
) -> str:
    """A document; its title is plain text, its body HTML.

    plotly: the library's source, where there are figures. scripts: beside that of every page. at:
    the file that it will be, whose folder's other pages it links to. live: an address that tells the body as it is now.
    """
    return render(
        "page.html",
        live=live,
        title=title,
        body=Markup(body),
        day=Markup(palette.variables(dark=False)),
        night=Markup(palette.variables(dark=True)),
        css=source("page.css"),
        colors=data(palette.DARK),
        plotly=Markup(plotly),
        script=Markup("\n").join((source("page.js"), *scripts)),
        links=_links(at) if at else (),
    )


def data(value: Any) -> Markup:
    """A value as JSON that may stand in a script element."""
    text = json.dumps(value, allow_nan=False, separators=(",", ":"), ensure_ascii=False)
    return Markup(text.replace("<", "\\u003c"))


def _links(at: Path) -> tuple[Link, ...]:
    """To the pages of a folder, where it has others."""
    there = [name for name in PAGES if name == at.name or (at.parent / name).is_file()]
    return tuple(Link(PAGES[name], name, name == at.name) for name in there) if len(there) > 1 else ()


def table(
    head: Sequence[str],
    rows: Sequence[Sequence[str]],
    left: Collection[str] = (),
    code: Collection[str] = (),
    name: str = "table",
) -> Markup:
    """A table of plain texts (or Markup), which a click on a heading sorts.

    The columns that `left` names, and the last one, are aligned to the left; those of `code` are set as code.
    """
    return render("table.html", head=head, rows=rows, left=left, code=code, name=name)


def wrapped(text: str, width: int = 64, most: int = 24) -> list[str]:
    """A long text as lines of HTML."""
    lines = [escape(line) for line in wrap(text, width, break_on_hyphens=False)]
    return lines if len(lines) <= most else [*lines[:most], "…"]
