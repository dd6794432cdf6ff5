import os
import time

import pytest

from tf_twostage import files, sealed
from tf_twostage.sealed import Seal


def test_replace_folder_replaces_it_whole(tmp_path):
    path = tmp_path / "new" / "folder"
    for name in ("first", "second"):

        def write(folder, name=name):
            folder.mkdir()
            (folder / name).write_text(name)

        files.replace_folder(path, write)
        assert [p.name for p in path.iterdir()] == [name]
    assert list(path.parent.iterdir()) == [path]


def test_replace_folder_that_fails_leaves_the_former_one(tmp_path):
    path = tmp_path / "folder"
    path.mkdir()
    (path / "kept").touch()

    def write(folder):
        folder.mkdir()
        (folder / "half").touch()
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        files.replace_folder(path, write)
    assert [p.name for p in tmp_path.rglob("*")] == ["folder", "kept"]


def test_a_folder_that_is_replaced_is_never_without_a_whole_one(tmp_path, monkeypatch):
    """Killed after each rename: the former folder or the new one is there under some name."""
    path = tmp_path / "folder"
    path.mkdir()
    (path / "former").touch()
    monkeypatch.setattr(files.shutil, "rmtree", lambda *_, **__: None)  # killed before it cleans
    replace = files.os.replace

    def killed(source, target):
        replace(source, target)
        found = {file.name for file in tmp_path.glob("*/*")} | {
            file.name for file in tmp_path.glob(".*/*")
        }
        assert found == {"former", "new"}

    def write(folder):
        folder.mkdir()
        (folder / "new").touch()

    monkeypatch.setattr(files.os, "replace", killed)
    files.replace_folder(path, write)
    assert (path / "new").exists()
    monkeypatch.undo()
    files.remove_temporary(tmp_path)
    assert [file.name for file in tmp_path.rglob("*")] == ["folder", "new"]


def test_what_killed_writers_left_is_removed_and_nothing_else(tmp_path):
    for name in (".12.samples.png", "images/.7.grid.png", ".lock", ".git.keep", "12.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "saved_model" / ".3.1" / "variables").mkdir(parents=True)
    files.remove_temporary(tmp_path)
    left = {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*")}
    assert left == {".lock", ".git.keep", "12.png", "images", "saved_model"}


@pytest.mark.parametrize("size", [0, 1, 200, 3_000_000])
def test_a_seal_breaks_with_any_byte(tmp_path, size):
    path = tmp_path / "file"
    path.write_bytes(bytes(size))
    assert sealed.check(path) is Seal.ABSENT
    sealed.seal(path)
    assert sealed.check(path) is Seal.WHOLE
    content = path.read_bytes()
    assert content.startswith(bytes(size))
    for place in range(0, size, max(1, size // 5)):
        path.write_bytes(content[:place] + b"\1" + content[place + 1 :])
        assert sealed.check(path) is Seal.BROKEN
        path.write_bytes(content[:place])
        assert sealed.check(path) is Seal.ABSENT


def test_only_old_ones_are_removed_where_others_may_be_writing(tmp_path):
    for name, days in ((".1.old.npz", 2), (".2.new.npz", 0)):
        (tmp_path / name).touch()
        os.utime(tmp_path / name, (time.time() - 86_400 * days,) * 2)
    files.remove_temporary(tmp_path, older_than=86_400)
    assert [path.name for path in tmp_path.iterdir()] == [".2.new.npz"]


def test_a_writer_removes_what_is_a_day_old_and_of_its_own_name(tmp_path):
    for name, days in (
        (".1.page.html", 2),
        (".2.page.html", 0),
        (".3.pageshtml", 2),
        (".4.other-page.html", 2),
    ):
        (tmp_path / name).touch()
        os.utime(tmp_path / name, (time.time() - 86_400 * days,) * 2)
    files.replace_text(tmp_path / "page.html", "new")
    left = {path.name for path in tmp_path.iterdir()}
    assert left == {".2.page.html", ".3.pageshtml", ".4.other-page.html", "page.html"}


def test_what_a_killed_writer_of_a_folder_left_goes_with_its_former_one(tmp_path):
    for name in (".1.model", ".2.model.former", ".3.model.onnx"):
        (tmp_path / name / "variables").mkdir(parents=True)
    files.remove_temporary_of(tmp_path / "model")
    files.remove_temporary_of(tmp_path / "absent" / "model")
    assert [path.name for path in tmp_path.iterdir()] == [".3.model.onnx"]


def test_writers_of_two_machines_do_not_share_a_temporary_file(tmp_path):
    """Their processes may have one number, as first processes of containers do."""
    path = tmp_path / "file.json"

    def slow(temporary):
        temporary.write_text("half")
        files.replace_text(path, "of the faster one")
        assert temporary.read_text() == "half"
        assert path.read_text() == "of the faster one"
        temporary.write_text("whole")

    files.replace_file(path, slow)
    assert path.read_text() == "whole"
    assert list(tmp_path.iterdir()) == [path]
