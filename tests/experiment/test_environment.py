import pathlib
import subprocess

import pytest

from tf_twostage.experiment import environment

IDENTITY = ("-c", "user.name=a", "-c", "user.email=a@example.com")


@pytest.fixture
def checkout(tmp_path, monkeypatch) -> pathlib.Path:
    """A git checkout that holds the module, not committed yet."""
    module = tmp_path / "environment.py"
    module.write_text("1")
    subprocess.run(["git", "init", "-q", tmp_path], check=True)
    monkeypatch.setattr(environment, "__file__", str(module))
    return tmp_path


def commit(folder: pathlib.Path) -> str:
    subprocess.run(["git", "-C", folder, "add", "."], check=True)
    subprocess.run(["git", "-C", folder, *IDENTITY, "commit", "-qm", "all"], check=True)
    words = ["git", "-C", folder, "rev-parse", "HEAD"]
    return subprocess.run(words, capture_output=True, text=True, check=True).stdout.strip()


def test_commit_of_the_checkout_with_a_mark_where_files_differ(checkout):
    known = commit(checkout)
    assert environment._git_commit() == known
    (checkout / "environment.py").write_text("2")
    assert environment._git_commit() == known + "+"


def test_installed_copy_inside_another_checkout_has_no_commit(checkout):
    (checkout / ".gitignore").write_text("environment.py")
    commit(checkout)
    assert environment._git_commit() is None
