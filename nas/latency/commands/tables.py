"""The commands about tables: `python -m nas.latency table | check | explain | export | import | tables | ...`."""

from dataclasses import KW_ONLY, dataclass
from pathlib import Path
from typing import Annotated

from typer import Argument, Option

from nas.common.files import write_text, write_whole, writing
from nas.console.options import AnyPath
from nas.console.terminal import say
from nas.console.text_table import aligned
from nas.latency.commands.options import ConditionOptions, SpaceOptions, TimingOptions


@dataclass(frozen=True, kw_only=True)
class TableRequest(SpaceOptions, TimingOptions):
    """A table as asked for."""

    anew: Annotated[bool, Option("--anew", help="Also where there is a table: time it all again.")] = False


def table(request: TableRequest) -> None:
    """Time the parts of a space and some networks on this machine, and keep what they say of any network.

    Takes minutes; where it is stopped, the same command goes on.
    """
    from nas.console.progress import progress_line
    from nas.latency.backends import fingerprint
    from nas.latency.table.building import Here, obtain
    from nas.latency.table.file import own_path
    from nas.latency.table.table import described

    here, space = Here(request.conditions, request.clock, request.force), request.get_space()
    path = own_path(fingerprint(here.conditions), space)
    if path.is_file() and not request.anew:
        say("the table is there already; --anew times it all again", err=True)
    with progress_line() as progress:
        made = obtain(here, space, progress, anew=request.anew)
    say(described(made))
    say(f"kept in {path}")


@dataclass(frozen=True, kw_only=True)
class CheckRequest(SpaceOptions, TimingOptions):
    """A check as asked for."""

    networks: Annotated[int, Option(min=3, help="Networks to time, drawn at random.")] = 40


def check(request: CheckRequest) -> None:
    """Time networks of the space that took no part in the table, and say how far its predictions are off."""
    from nas.latency.table import building
    from nas.latency.table.file import find
    from nas.latency.table.table import described

    conditions, space = request.conditions, request.get_space()
    kept, here = find(conditions, space), building.Here(conditions, request.clock, request.force)
    checked = building.check(kept, space, here, request.networks)
    networks = checked.networks.sort_values("measured")
    ends = zip(networks["low"], networks["high"], strict=True)
    columns = {
        "predicted ms": networks["ms"].map("{:.3f}".format),
        "interval": [f"{low:.2f}-{high:.2f}" for low, high in ends],
        "measured ms": networks["measured"].map("{:.3f}".format),
        "error": (networks["ms"] / networks["measured"] - 1).map("{:+.1%}".format),
        "M multiply-adds": (networks["macs"] / 1e6).map("{:.1f}".format),
        "clock": networks["clock"],
        "arch": networks["arch"],
    }
    within = networks["measured"].between(networks["low"], networks["high"]).sum()
    say(aligned(list(columns), list(zip(*columns.values(), strict=True)), left=("clock", "arch")))
    say(f"\n{described(kept)}\n")
    say(f"checked on networks that took no part in it: {checked.errors}")
    say(f"within the predicted interval: {within} of {len(networks)} (9 in 10 are meant to be)")
    say(f"the best multiple of their multiply-adds instead: {checked.by_macs}")


@dataclass(frozen=True, kw_only=True)
class ExplainRequest(SpaceOptions, ConditionOptions):
    """A picture as asked for."""

    latency_table: Annotated[
        str | None,
        Option(
            "--latency-table",
            "--table",
            help="A table's file or imported name. [this machine's]",
            metavar="TABLE",
        ),
    ] = None
    out: Annotated[AnyPath, Option(help="Names the two files: OUT.png, OUT.html.")] = "latency"


def explain(request: ExplainRequest) -> None:
    """Draw multiply-adds against milliseconds over a space, and what each component does to either."""
    from nas.figures.page import document
    from nas.figures.picture import save_png
    from nas.latency.explaining import effects, explained
    from nas.latency.table.file import find

    space, out = request.get_space(), Path(request.out)
    kept = find(request.latency_table or request.conditions, space)
    changes = effects(kept, space)
    drawn = explained(kept, space, changes)
    out.parent.mkdir(parents=True, exist_ok=True)
    png, page = out.with_suffix(".png"), out.with_suffix(".html")
    write_whole(png, lambda file: save_png(drawn, file))
    rows = [
        [c.change, f"x{c.macs:.2f}", f"x{c.time:.2f}", f"{c.low:.2f}-{c.high:.2f}", f"x{c.misleading:.2f}"]
        for c in changes
    ]
    header = ["change", "multiply-adds", "time", "quartiles", "time a multiply-add"]
    listed = aligned(header, rows, left=("change",))
    write_text(page, document([drawn], "What one component changes", f"<pre>{listed}</pre>"))
    say(listed)
    say(f"\nmedians over networks of {space.name}, all else equal, by the table of {kept.fingerprint}")
    say(f"written to {png} and {page}")


@dataclass(frozen=True)
class ExportRequest(SpaceOptions, ConditionOptions):
    """A file as asked for."""

    file: Annotated[Path, Argument(help="Where to write the table.", metavar="FILE")]


def export(request: ExportRequest) -> None:
    """Write this machine's table to a file, to be used on another: see import."""
    from nas.latency.table.file import find, save

    kept = find(request.conditions, request.get_space())
    with writing(request.file, "; give another FILE"):
        save(kept, request.file)
    say(f"written to {request.file}")


@dataclass(frozen=True)
class ImportRequest(SpaceOptions):
    """An import as asked for."""

    file: Annotated[Path, Argument(help="A table that another device has made.", metavar="FILE")]
    name: Annotated[str, Option(help="What to call it here, as in --latency-table NAME.")]


def import_(request: ImportRequest) -> None:
    """Keep another device's table under a name; one that is only timed is fitted (to the space) and calibrated."""
    from nas.latency.table.entries import parts_of
    from nas.latency.table.file import load, named_path, save, space_id
    from nas.latency.table.table import completed, described
    from nas.networks.cost import key_name

    path, space = named_path(request.name), request.get_space()
    given = load(request.file)
    if space_id(space) == given.timings.space:
        parts = parts_of(space, given.fingerprint.conditions)
        if not {key_name(key) for key in parts} <= {*given.timings.parts, *given.fitted}:
            given = completed(given.timings, list(parts))
    save(given, path)
    say(described(given))
    say(f"search with it: python -m nas.search --latency-table {request.name} --budget 10ms")


def tables() -> None:
    """List the tables that are kept here: this machine's own, and those imported."""
    from nas.latency.table.file import folder

    own = [str(path) for path in sorted(folder().glob("*.json"))]
    imported = [f"{path.stem}: {path}" for path in sorted((folder() / "imported").glob("*.json"))]
    say("\n".join(own + imported) or "none yet; make one with: python -m nas.latency table")


@dataclass(frozen=True)
class RemoteRequest(SpaceOptions, ConditionOptions):
    """A program as asked for."""

    file: Annotated[Path, Argument(help="The program to write, such as board.pyz.", metavar="FILE")]
    _: KW_ONLY
    most: Annotated[int, Option(min=50, help="At most so many parts; the rest is fitted.")] = 1500


def remote_table(request: RemoteRequest) -> None:
    """Write a program of one file that times a space's parts and some networks on another device.

    Copy it there and run it: python3 FILE. It needs Python, numpy and the backend, nothing else, goes on where
    it was stopped, and leaves a table (JSON) beside itself, which python -m nas.latency import takes. The
    formats stand at the top of its __main__.py, which python3 -m zipfile -e FILE FOLDER unpacks.
    """
    from nas.latency.remote import write
    from nas.latency.table.building import plan

    file, space, conditions = request.file, request.get_space(), request.conditions
    agenda = plan(space, conditions, most=request.most)
    say(f"writing {len(agenda.parts)} parts and {len(agenda.wholes)} networks ...", err=True)
    write(file, space, agenda, conditions)
    say(f"wrote {file} ({file.stat().st_size / 1e6:.1f} MB); on the device: python3 {file.name}")
