"""Measuring for real, small networks: order, texts, resumability, refusals; never milliseconds."""

from dataclasses import asdict, replace

import pytest

from nas.common.errors import UserError
from nas.common.machine import cores
from nas.latency import Conditions, fingerprint, measure, measure_networks, measure_parts
from nas.latency.timing import measuring, sandwich
from nas.latency.timing.sandwich import NETWORKS, PARTS, RUNS
from nas.networks.cost import part_keys
from search_spaces import Arch, zoo

SMALL = Conditions(resolution=32, classes=10)
ARCHS = [Arch.parse("stem8-ir8-head"), Arch.parse("stem16-4xir32_t6-head960")]


def test_networks_are_measured_in_their_order() -> None:
    found = measure_networks(ARCHS, SMALL)
    assert [row.text for row in found] == [str(arch) for arch in ARCHS]
    assert found[1].ms > found[0].ms, "a hundred times the multiply-adds"
    for row in found:
        assert 0 < row.low <= row.ms <= row.high
        assert row.runs == NETWORKS.visits * RUNS
        assert 0 <= row.clean <= 1
        assert row.clock in ("wall", "cpu")
        assert not row.forced
        assert row.fingerprint == fingerprint(SMALL)


def test_milliseconds_are_the_ratio_times_one_reference() -> None:
    first, second = measure_networks(ARCHS, SMALL)
    assert first.ms / first.ratio == pytest.approx(second.ms / second.ratio)


def test_what_a_user_writes_is_measured() -> None:
    found = measure("mobilenet_v3_small_x0.35", resolution=32, classes=10, clock="cpu")
    assert [row.text for row in found] == [str(zoo.get("mobilenet_v3_small_x0.35"))]
    assert found[0].clock == "cpu"
    (row,) = measure(ARCHS[0], backend="torch", resolution=32, classes=10, clock="wall")
    assert (row.text, row.clock) == (str(ARCHS[0]), "wall")
    assert row.fingerprint.backend == "torch"


def test_every_entry_is_measured_once_and_given_as_it_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(measuring, "PARTS", replace(PARTS, at_once=3))
    keys = list(dict.fromkeys(part_keys(ARCHS[1].fitted(32), 32, 10)))
    going = measure_parts(keys, SMALL)
    known = [next(going) for _ in range(3)]
    assert all(measured.text == measuring.described(key) for key, measured in known)
    first = [key for key, _ in known]  # a consumer may stop here and ask for the rest later
    rest = [key for key, _ in measure_parts([key for key in keys if key not in first], SMALL)]
    assert sorted(map(str, first + rest)) == sorted(map(str, keys))


def test_an_entry_is_named_by_the_part_and_its_map() -> None:
    keys = part_keys(ARCHS[0].fitted(32), 32, 10)
    assert measuring.described(keys[1]) == "ir8 on 8x16x16"
    assert measuring.described(keys[2]) == "head on 8x16x16 to 10 classes"


def test_an_unknown_clock_is_refused() -> None:
    with pytest.raises(UserError, match=r"clock 'sun'.*auto, wall, cpu"):
        measure(ARCHS, clock="sun")


def test_several_threads_have_no_processor_time() -> None:
    with pytest.raises(UserError, match="clock cpu"):
        measure(ARCHS, threads=2, clock="cpu")


def test_more_threads_than_cores_are_refused() -> None:
    with pytest.raises(UserError, match=f"there are {cores()} cores"):
        measure(ARCHS, threads=cores() + 1)


def test_several_threads_are_refused_on_a_busy_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(measuring, "cores", lambda: 2)
    monkeypatch.setattr(sandwich, "free_share", lambda threads: 0.4)
    with pytest.raises(UserError, match=r"threads 2: the machine is busy.*--force"):
        measure(ARCHS, threads=2, resolution=32)


def test_a_machine_that_becomes_busy_meanwhile_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(measuring, "cores", lambda: 2)
    shares = iter([1.0, 0.4])
    monkeypatch.setattr(sandwich, "free_share", lambda threads: next(shares))
    with pytest.raises(UserError, match="became busy"):
        measure(ARCHS[:1], threads=2, resolution=32)


def test_force_measures_all_the_same_and_the_record_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sandwich, "free_share", lambda threads: 0.4)
    (row,) = measure(ARCHS[:1], threads=2, resolution=32, force=True)
    assert row.forced
    assert row.clock == "wall"
    assert row.clean == 0.4
    assert asdict(row)["fingerprint"]["threads"] == 2


def test_what_is_no_network_is_refused() -> None:
    with pytest.raises(UserError):
        measure(["mobilenet_v9"])


def test_a_resolution_that_is_too_small_is_refused() -> None:
    with pytest.raises(UserError, match="too small"):
        measure("mobilenet_v2", resolution=2)
