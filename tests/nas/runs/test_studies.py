"""nas.runs.studies: studies as they are found again; what a record makes of it is told in test_record."""

from pathlib import Path

import pytest

from nas.common.errors import UserError
from nas.runs import studies as storage


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'study.db'}"


def test_nothing_is_left_where_a_run_could_not_be_made(url: str) -> None:
    with pytest.raises(ZeroDivisionError), storage.new_studies(url, "run", ("one", "two")):
        raise ZeroDivisionError
    with pytest.raises(UserError, match="no run called"):
        storage.find_studies(url, "run", ("one",))
    with storage.new_studies(url, "run", ("one", "two")) as studies:
        assert set(studies) == {"one", "two"}


def test_a_name_that_is_taken_is_refused(url: str) -> None:
    with storage.new_studies(url, "run", ("one",)):
        pass
    with pytest.raises(UserError, match="already"), storage.new_studies(url, "run", ("one",)):
        pass


def test_a_trial_is_written_when_it_begins_and_hidden_once_it_was_run_again(url: str) -> None:
    with storage.new_studies(url, "run", ("one",)) as studies:
        study = studies["one"]
    numbers = [storage.launch(study, {"what": what}, {}, {}) for what in "aab"]
    assert numbers == [0, 1, 2]
    assert storage.end_running(study, lambda trial, accuracy: [accuracy, 0.0]) == 3
    assert [t.number for t in storage.current(study.get_trials(), ("what",))] == [1, 2]
    assert not any(storage.is_over(trial) for trial in study.get_trials())


@pytest.mark.parametrize("url", ["journal:x.log", "", "file", "no such thing"])
def test_what_is_no_address_is_refused_with_what_would_be(url: str) -> None:
    with pytest.raises(UserError, match="sqlite:///"), storage.new_studies(url, "run", ("one",)):
        pass
