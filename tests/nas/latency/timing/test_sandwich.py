"""The order in which things are timed, and what is made of the times, on a clock of our own."""

import random

import pytest

from nas.common.machine import cores
from nas.latency.timing import sandwich as module
from nas.latency.timing.sandwich import (
    CPU,
    REFERENCE_RUNS,
    RUNS,
    WALL,
    WARM_UPS,
    Clocks,
    Portion,
    Run,
    Samples,
    choose,
    clean,
    free_share,
    sandwich,
    timing,
)

VISITS = 4


class Machine:
    """Runs things that take a known time, on clocks that show it; writes down what it ran."""

    def __init__(self) -> None:
        self.wall = self.cpu = 0.0
        self.slowness = lambda: 1.0
        self.interruption = lambda: 0.0
        self.ran: list[str] = []

    def thing(self, name: str, seconds: float) -> Run:
        def run() -> None:
            taken = seconds * self.slowness()
            self.cpu += taken
            self.wall += taken + self.interruption()
            self.ran.append(name)

        return run

    @property
    def clocks(self) -> Clocks:
        return Clocks(lambda: self.wall, lambda: self.cpu)

    def sandwich(self, seconds: list[float], seed: int = 0, together: int = 1) -> Samples:
        things = [self.thing(str(number), each) for number, each in enumerate(seconds)]
        reference, chance = self.thing("reference", 0.002), random.Random(seed)
        return sandwich(things, reference, self.clocks, chance, Portion(len(things), VISITS, together))


def visits(ran: list[str]) -> list[str]:
    """What was run, each run of one thing once."""
    return [name for at, name in enumerate(ran) if not at or ran[at - 1] != name]


def test_everything_stands_between_runs_of_the_reference() -> None:
    machine = Machine()
    machine.sandwich([0.001] * 5)
    order = visits(machine.ran)
    assert order[::2] == ["reference"] * (VISITS * 5 + 1)
    first, second = order[1:10:2], order[11:20:2]
    assert sorted(first) == sorted(second) == list("01234")
    assert first != second, "the order is drawn anew"


def test_several_short_things_stand_between_two_visits() -> None:
    machine = Machine()
    machine.sandwich([0.001] * 7, together=3)
    runs = "".join(name if name != "reference" else "|" for name in visits(machine.ran))
    assert [len(between) for between in runs.strip("|").split("|")] == [3, 3, 1] * VISITS


def test_warm_ups_are_run_and_not_counted() -> None:
    machine = Machine()
    samples = machine.sandwich([0.001, 0.003])
    assert machine.ran.count("1") == VISITS * (WARM_UPS + RUNS)
    assert timing(samples, 1, WALL).runs == VISITS * RUNS
    assert all(len(visit) == REFERENCE_RUNS for visit in samples.reference)


def test_the_order_follows_from_the_seed() -> None:
    orders = []
    for seed in (1, 1, 2):
        machine = Machine()
        machine.sandwich([0.001] * 6, seed)
        orders.append(machine.ran)
    assert orders[0] == orders[1] != orders[2]


def test_times_are_those_of_the_things() -> None:
    samples = Machine().sandwich([0.001, 0.005])
    found = timing(samples, 1, WALL)
    assert found.ms == pytest.approx(5)
    assert (found.low, found.high) == pytest.approx((5, 5))
    assert found.ratio == pytest.approx(2.5)
    assert found.clean == 1


def test_a_machine_that_slows_down_changes_no_ratio() -> None:
    """Twice as slow at the end as at the beginning: the plain times would be 40 % apart."""
    machine = Machine()
    machine.slowness = lambda: 1 + machine.wall / 0.5
    samples = machine.sandwich([0.004] * 6)
    plain = [run[WALL] for visits in samples.subjects for visit in visits for run in visit.runs]
    assert max(plain) > 1.4 * min(plain)
    ratios = [timing(samples, number, WALL).ratio for number in range(6)]
    assert ratios == pytest.approx([2.0] * 6, rel=0.05)


def test_interruptions_are_seen_and_do_not_count_as_processor_time() -> None:
    machine, chance = Machine(), random.Random(0)
    machine.interruption = lambda: 0.010 if chance.random() < 0.9 else 0.0
    samples = machine.sandwich([0.004])
    by_wall, by_cpu = timing(samples, 0, WALL), timing(samples, 0, CPU)
    assert by_cpu.ratio == pytest.approx(2.0)
    assert by_wall.ms > 2 * by_cpu.ms
    assert by_cpu.clean < 0.4
    assert choose(samples, "auto", 1) == (CPU, "cpu")
    assert choose(samples, "wall", 1) == (WALL, "wall")


def test_wall_time_is_taken_where_nothing_interrupts() -> None:
    samples = Machine().sandwich([0.004])
    assert samples.quiet == 1
    assert choose(samples, "auto", 1) == (WALL, "wall")
    assert choose(samples, "cpu", 1) == (CPU, "cpu")


def test_several_threads_have_wall_time_alone() -> None:
    machine = Machine()
    machine.interruption = lambda: 0.010
    assert choose(machine.sandwich([0.004]), "auto", 2) == (WALL, "wall")


def test_long_runs_weigh_more_in_whether_it_was_quiet() -> None:
    """The reference fits between two interruptions; what takes longer never does."""
    machine = Machine()
    machine.interruption = lambda: 0.050 if machine.ran[-1:] == ["0"] else 0.0
    assert machine.sandwich([0.100]).quiet < 0.3


def test_what_a_device_counts_is_taken_as_it_is() -> None:
    assert Clocks(iter([0.0, 9.0]).__next__, iter([0.0, 9.0]).__next__).time(lambda: 0.25) == (0.25, 0.25)


def test_garbage_is_collected_again_afterwards(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> None:
        assert not module.gc.isenabled()
        raise RuntimeError

    with pytest.raises(RuntimeError):
        sandwich([fail], Machine().thing("reference", 1), Clocks(), random.Random(0), Portion(1, 1, 1))
    assert module.gc.isenabled()


def test_more_threads_than_cores_are_not_free() -> None:
    assert free_share(4 * cores()) < 0.75


def test_a_run_is_clean_where_wall_and_processor_agree() -> None:
    assert clean([(0.0021, 0.002), (0.004, 0.002), (0.00003, 0.00002)]) == pytest.approx(2 / 3)
