"""The page's parts, made from a run's `Results` and from what its folder's manifest says."""

import json
import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from markupsafe import Markup

from blocks import BLOCKS
from nas.common.files import write_text
from nas.common.quantities import LATENCY, MACS, PARAMS, Quantity
from nas.describe.drawing import COLORS, svg
from nas.describe.layers import describe
from nas.figures.layout import LEFT, Frame
from nas.figures.markup import data, render, source, table
from nas.figures.page import figure, page
from nas.search.page.glance import glance_panel
from nas.search.page.growth import area_panels, curves_panel
from nas.search.page.habits import habits, readable
from nas.search.page.lists import designed_table, front_table
from nas.search.page.networks import networks, points, slider
from nas.search.page.words import answer, beside, others, state
from nas.search.picture import (
    budget_on,
    designed,
    run_panel,
    slow_trials,
    title_of,
    what_is_counted,
    what_was_run,
)
from nas.search.results import Results
from nas.search.settings import Settings
from nas.search.verdict import Verdict, basis, verdict
from nas.zoo import published
from nas.zoo.panel import published_panel
from search_spaces import Arch

_ROOM = __package__ or "nas.search.page"
_SMALL = Frame(left=0, right=540, top=0, bottom=300)
_IMPORTANT = 8


@dataclass(frozen=True)
class Tab:
    """The diagrams of one cost. `name` is that of an element, `text` what the tab says."""

    name: str
    text: str
    panels: tuple[Markup, ...]


def write_html(run: Results, path: Path) -> None:
    """A standalone page that fetches nothing: the answer, diagrams to point at, tables, what was asked.

    What the folder's manifest.json and importance.csv say stands in it too. Replaces `path` only when the whole page is
    written; its folder must exist. Raises OSError.
    """
    write_text(path, search_page(run, path))


def search_page(run: Results, path: Path) -> str:
    """The page's text, as it stands at `path`."""
    return framed(run.settings, body(run, path.parent), at=path)


def framed(settings: Settings, content: Markup, *, at: Path | None = None, live: str = "") -> str:
    """A page around a body. at: the file that it will be. live: an address that tells its body as it is now."""
    return page(title_of(settings), content, scripts=(source("search.js", _ROOM),), at=at, live=live)


def body(run: Results, folder: Path) -> Markup:
    """All that stands on the page; the folder is the run's."""
    said, manifest = verdict(run), _read(folder / "manifest.json")
    sizes, shares, spans = habits(readable(run.front["arch"]), run.settings.target_resolution)
    known = networks(run)
    slides = slider(run)
    hands = [point for rows in designed(run) for point in points(rows, run)]
    content = known | {"metric": run.settings.judged_by, "kernels": _kernels(), "slider": slides}
    content |= {"front": points(run.front, run), "designed": hands, "colors": {**COLORS}}
    content["verdicts"] = {f"trial {one.trial}|{one.name}": one.verdict for one in said.besides}
    went = [*area_panels(run), curves_panel(run), glance_panel(run)]
    return render(
        "search.html",
        _ROOM,
        title=title_of(run.settings),
        answer=answer(run, said),
        state=[what_was_run(run), what_is_counted(run), *state(run)],
        tabs=_tabs(run),
        slides=slides is not None,
        any=bool(known["networks"]),
        front=front_table(run.front, run.settings) if len(run.front) else "",
        slow=front_table(slow_trials(run), run.settings) if len(slow_trials(run)) else "",
        basis=basis(run),
        beside=beside(run, said),
        others=others(run, said),
        designed=designed_table(run),
        drawings=_drawings(run, said, folder),
        shares=shares if len(run.front) else [],
        sizes=sizes,
        spans=spans,
        size=run.settings.target,
        count=len(run.front),
        went=[figure(panel, _SMALL, f"went-{number}") for number, panel in enumerate(went)],
        importance=_importance(folder) if len(run.front) else "",
        facts=_facts(run, manifest, folder),
        command=manifest.get("command", ""),
        content=data(content),
    )


def _tabs(run: Results) -> list[Tab]:
    """A tab a cost that is known of a trial: that which is minimised first."""
    objective = run.settings.objective
    wanted = dict.fromkeys((*run.settings.costs, MACS, PARAMS, LATENCY))
    every = pd.concat([run.trials, run.baselines])
    known = [cost for cost in wanted if len(every) == 0 or every[cost.column].notna().any()]
    known = sorted(known, key=lambda cost: cost.column != objective)
    if not len(every):
        known = [cost for cost in known if cost.column == objective] or [MACS]
    return [Tab(cost.name, cost.title, _panels(run, cost)) for cost in known]


def _panels(run: Results, cost: Quantity) -> tuple[Markup, ...]:
    panels = [run_panel(run, cost)]
    if cost in (MACS, PARAMS):
        panels.append(published_panel(published.imagenet(), cost, budget_on(run.settings, cost)))
    return tuple(figure(panel, LEFT, f"{cost.name}-{number}") for number, panel in enumerate(panels))


def _drawings(run: Results, said: Verdict, folder: Path) -> list[list[tuple[str, Markup]]]:
    """The recommended network, and the hand-designed one of like cost."""
    if said.recommended is None:
        return []
    mine = run.front[run.front["trial"] == said.recommended].iloc[0]
    objective = run.settings.objective
    others = pd.concat([rows for rows in designed(run) if len(rows)] or [run.baselines.iloc[:0]])
    pair = [(f"{folder.resolve().name}@{mine['trial']}, found", str(mine["arch"]))]
    if len(others):
        distance = (others[objective] / mine[objective] - 1).abs()
        nearest = others.loc[distance.eq(distance.min())].iloc[0]
        pair.append((f"{nearest['name']}, hand-designed, of the nearest cost", str(nearest["arch"])))
    return [[(name, _drawn(arch, run.settings, name)) for name, text in pair for arch in readable([text])]]


def _drawn(arch: Arch, settings: Settings, name: str) -> Markup:
    size, classes, channels = settings.target_resolution, settings.target_classes, settings.target_channels
    return Markup(svg(describe(arch, size, classes, channels), name))


def _kernels() -> dict[str, int]:
    """The kernel that a block has where its text says none, by token; 0 where it has none."""
    return {token: getattr(kind, "kernel", 0) or 0 for token, kind in BLOCKS.items()}


def _read(path: Path) -> Mapping[str, Any]:
    """A manifest; empty where there is none that can be read."""
    with suppress(OSError, ValueError):
        found = json.loads(path.read_text(encoding="utf-8"))
        return found if isinstance(found, dict) else {}
    return {}


def _importance(folder: Path) -> Markup:
    """The leading choices, where they were computed; else the command that does."""
    file = folder / "importance.csv"
    try:
        choices = pd.read_csv(file).head(_IMPORTANT)
        rows = [
            [
                str(row["choice"]),
                f"{100 * row['at_equal_cost']:.1f}",
                "" if pd.isna(row["chance"]) else f"{100 * row['chance']:.1f}",
                "yes" if row["at_equal_cost"] > row["corrected"] else "no",
                str(row["best"]),
                f"{100 * row['gain']:+.2f}",
            ]
            for _, row in choices.iterrows()
        ]
    except (OSError, ValueError, KeyError, TypeError):
        text = "Which choices mattered at equal cost is said by: python -m nas.importance {}"
        return Markup("<p class='faint'>" + text + "</p>").format(folder)
    head = ["choice", "share at equal cost (%)", "by chance (95 %)", "more than the luckiest by chance"]
    head += ["best value", "its gain over the worst (points)"]
    return table(head, rows, left=("choice",), name="choices that mattered")


def _facts(run: Results, manifest: Mapping[str, Any], folder: Path) -> list[tuple[str, str]]:
    """What was asked, and by what it was done."""
    settings = run.settings
    budgets = " and ".join(settings.budgets) or "none"
    device = manifest.get("device") or {}
    found = [
        ("run", folder.resolve().name),
        ("budget", budgets),
        ("space", f"{_space_name(settings)}, chosen by {settings.granularity}"),
        ("data", f"{settings.data_name}, fingerprint {settings.fingerprint}"),
        ("trained for", settings.trained),
        ("recipe", settings.recipe.told() or "the default"),
        ("sampler", settings.sampler),
        ("baselines", f"{len(run.baselines)} trained"),
        ("seed", str(settings.seed)),
    ]
    if settings.latency:
        found.append(("milliseconds of", settings.latency.fingerprint))
    if device:
        cuda = ", ".join(device.get("cuda") or []) or "no CUDA device"
        found.append(("machine", f"{device.get('cpu')}, {device.get('cores')} cores, {cuda}"))
    versions = manifest.get("versions") or {}
    if versions:
        named = [f"{name} {version}" for name, version in versions.items() if version]
        found.append(("versions", f"Python {manifest.get('python')}, " + ", ".join(named)))
    found += [
        (name.replace("_", " "), str(manifest[name]))
        for name in ("git_revision", "started")
        if manifest.get(name)
    ]
    return found


def _space_name(settings: Settings) -> str:
    """What the space calls itself in its text."""
    found = re.search(r"^name: *(.+?) *$", settings.space, re.MULTILINE)
    return found[1] if found else "a space without a name"
