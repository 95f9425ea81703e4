import errno
from pathlib import Path

import pytest

from nas.common.errors import UserError
from nas.common.files import is_full, write_text, write_whole, writing


def test_a_file_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    write_text(tmp_path / "a.txt", "before")

    def fail(file: Path) -> None:
        file.write_text("half")
        raise RuntimeError

    with pytest.raises(RuntimeError):
        write_whole(tmp_path / "a.txt", fail)
    assert [(file.name, file.read_text()) for file in tmp_path.iterdir()] == [("a.txt", "before")]


def test_where_no_file_may_be_the_user_hears_of_it(tmp_path: Path) -> None:
    (tmp_path / "folder" / "kept").mkdir(parents=True)
    (tmp_path / "file").touch()
    for path in (tmp_path / "folder", tmp_path / "file" / "a.txt", tmp_path / "nowhere" / "a.txt"):
        with pytest.raises(UserError, match=f"{path} cannot be written: .*directory"):
            write_text(path, "text")
    said = "--out x cannot be written: File name too long; name another"
    with pytest.raises(UserError, match=said), writing("--out x", "; name another"):
        (tmp_path / ("x" * 999)).mkdir()


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_stays_what_it_is(number: int) -> None:
    with pytest.raises(OSError) as caught, writing("a file"):
        raise OSError(number, "full")
    assert is_full(caught.value) and not isinstance(caught.value, UserError)
    assert not is_full(OSError(errno.EACCES, "forbidden")) and not is_full(None)
