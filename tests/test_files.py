import pytest

from tf_twostage import files


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
