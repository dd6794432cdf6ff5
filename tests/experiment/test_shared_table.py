"""Table 1 of a folder in which several processes train."""

import threading

import pytest

from tf_twostage.errors import InputError
from tf_twostage.experiment import lock, shared_table
from tf_twostage.reporting import table1


@pytest.fixture
def writes(monkeypatch):
    """Who wrote a table, in order."""
    found = []
    monkeypatch.setattr(table1, "write", lambda _: found.append("write") or "table")
    return found


def test_what_a_killed_writer_of_the_table_left_goes_at_once(tmp_path, writes):
    for name in (".1.table1.md", ".22.table1.json", ".3.compare.html"):
        (tmp_path / name).touch()
    assert shared_table.write(tmp_path) == "table"
    assert {path.name for path in tmp_path.iterdir()} == {".3.compare.html", ".locks"}


@pytest.mark.parametrize("again", [shared_table.write, shared_table.rebuild])
def test_one_process_writes_at_a_time(tmp_path, writes, again):
    with lock.hold(shared_table.lock_file(tmp_path), "Table 1"):
        thread = threading.Thread(target=again, args=[tmp_path])
        thread.start()
        thread.join(0.5)
        assert thread.is_alive()
        assert writes == []
    thread.join()
    assert writes == ["write"]


def test_a_folder_that_nobody_trains_in_gets_no_locks(tmp_path, writes):
    shared_table.rebuild(tmp_path)
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(InputError, match="is no folder"):
        shared_table.rebuild(tmp_path / "absent")
    assert list(tmp_path.iterdir()) == []
