"""Serves a trained model: TensorFlow Serving's REST, pictures, and a page to play with at /.

  python examples/serve.py runs/manifold/quick-infogan-learned/trial_000
  python examples/serve.py path/to/saved_model/1 --host 0.0.0.0 --port 80 --name faces

docs/serving.md tells every endpoint. Needs the extra: pip install -e '.[serve]'
"""

import argparse
import dataclasses
import sys

from tf_twostage.errors import InputError
from tf_twostage.serving import server
from tf_twostage.serving.limits import Limits


def parser() -> argparse.ArgumentParser:
    """All flags."""
    made = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    made.add_argument("model", help="a run folder, a SavedModel, or a folder of its versions")
    place = made.add_argument_group("where")
    place.add_argument("--host", default="127.0.0.1", help="0.0.0.0: all networks of this machine")
    place.add_argument("--port", type=int, default=8501, help="0: any that is free")
    place.add_argument("--name", default="twostage", help="the model's name, in /v1/models/NAME")
    limits = made.add_argument_group("limits", "beyond which a request is refused")
    for field in dataclasses.fields(Limits):
        meaning = f"{field.metadata['meaning']} ({field.default:,})"
        limits.add_argument(
            f"--{field.name}", type=field.type, default=field.default, help=meaning, metavar="N"
        )
    return made


def main() -> None:
    """Serves until Ctrl-C or SIGTERM; every mistake is one line and exit code 1."""
    options = vars(parser().parse_args())
    own = ("model", "host", "port", "name")
    source, host, port, name = (options.pop(key) for key in own)
    try:
        server.run(source, host, port, name, Limits(**options))
    except InputError as error:
        sys.exit(f"error: {error}")
    except KeyboardInterrupt:
        sys.exit(130)  # while the model was loading


if __name__ == "__main__":
    main()
