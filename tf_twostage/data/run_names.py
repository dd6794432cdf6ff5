"""The name of a run's folder, from the name of a user's own images."""

import unicodedata

from tf_twostage.data.identity import identity

NAMES = ("manifold", "mnist", "fashion_mnist", "cifar10", "celeba")  # of the known sets


def run_name(stem: str, kind: str, image_size: int | None = None) -> str:
    """A folder name that is safe everywhere: 'my faces!' -> 'my_faces'.

    Letters and digits of any script are kept. A name without any gives 'images-' and a hash of it.

    Args:
      stem: a folder's or a file's name without its ending, or TFDS' name.
      kind: 'folder', 'npz' or 'tfds'; appended to a stem that is one of NAMES.
      image_size: appended where images are resized.
    """
    kept = "".join(c if _is_kept(c) else " " for c in unicodedata.normalize("NFC", stem))
    safe = "_".join(kept.split()).strip("._-") or f"images-{identity(stem)}"
    safe = f"{safe}-{kind}" if safe in NAMES else safe
    return safe if image_size is None else f"{safe}-{image_size}"


def _is_kept(character: str) -> bool:
    """Whether it is a letter, a digit, an accent or vowel sign that belongs to one, or of '._-'."""
    return character in "._-" or unicodedata.category(character)[0] in "LNM"
