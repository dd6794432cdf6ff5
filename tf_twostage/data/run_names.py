"""The name of a run's folder, from the name of a user's own images."""

import re

NAMES = ("manifold", "mnist", "fashion_mnist", "cifar10", "celeba")  # of the known sets


def run_name(stem: str, kind: str, image_size: int | None = None) -> str:
    """A folder name that is safe everywhere: 'my faces!' -> 'my_faces'.

    Args:
      stem: a folder's or a file's name without its ending, or TFDS' name.
      kind: 'folder', 'npz' or 'tfds'; appended to a stem that is one of NAMES.
      image_size: appended where images are resized.
    """
    safe = re.sub(r"[^A-Za-z0-9._-]+", "_", stem).strip("._-") or "images"
    safe = f"{safe}-{kind}" if safe in NAMES else safe
    return safe if image_size is None else f"{safe}-{image_size}"
