import os
import pathlib
import subprocess
import sys

import pytest

from tf_twostage import keras_settings
from tf_twostage.errors import InputError


def test_another_backend_is_one_line(monkeypatch):
    monkeypatch.delitem(sys.modules, "keras", raising=False)
    monkeypatch.setenv("KERAS_BACKEND", "jax")
    with pytest.raises(InputError, match="backend is set to jax, .* unset KERAS_BACKEND"):
        keras_settings.require_tensorflow()
    with pytest.raises(InputError, match="set to jax"):
        from tf_twostage import TwoStageVAE  # noqa: F401


def test_the_program_says_so_without_a_traceback():
    root = pathlib.Path(__file__).parents[1]
    answer = subprocess.run(
        [sys.executable, "run_experiments.py", "--dry_run"],
        cwd=root,
        env=os.environ | {"KERAS_BACKEND": "jax"},
        capture_output=True,
        text=True,
    )
    assert answer.returncode == 1
    (line,) = answer.stderr.splitlines()
    assert line.startswith("error: Keras' backend is set to jax")


def test_a_keras_json_of_another_backend_is_overruled(tmp_path):
    """In a process of its own: Keras reads the file when it is imported."""
    (tmp_path / "keras.json").write_text(
        '{"backend": "jax", "floatx": "float16", "image_data_format": "channels_first"}'
    )
    environment = {k: v for k, v in os.environ.items() if k != "KERAS_BACKEND"}
    program = (
        "from tf_twostage.keras_settings import require_tensorflow, using\n"
        "require_tensorflow()\n"
        "import keras\n"
        "print(keras.config.backend())\n"
        "with using('float32', 'channels_last'):\n"
        "    print(keras.config.floatx(), keras.layers.Flatten().data_format)\n"
        "print(keras.config.floatx())\n"
    )
    answer = subprocess.run(
        [sys.executable, "-c", program],
        env=environment | {"KERAS_HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert answer.stdout.split() == ["tensorflow", "float32", "channels_last", "float16"]
