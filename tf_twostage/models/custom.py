"""Names of a user's own networks, `package.module:function`; imports neither Keras nor TensorFlow.

The function is marked with `network`. One for stage 1 takes a recipe and an image shape (H, W, C)
and returns an encoder and a decoder, see `custom_networks.first_stage`; one for stage 2 takes a
recipe alone, see `custom_networks.second_stage`.
"""

import importlib
import importlib.util
from collections.abc import Callable

from tf_twostage.errors import InputError

MARK = "_is_tf_twostage_network"
GIVEN = "given:models"  # the name of networks that have none
HOW = "name it package.module:function, from the folder that holds the package"


def network(function: Callable) -> Callable:
    """Marks a function that makes networks: without the mark no config.json can have it called."""
    setattr(function, MARK, True)
    return function


def name_of(make: object) -> str:
    """What a recipe calls networks that were given as a function or as models."""
    module, function = (getattr(make, key, "") for key in ("__module__", "__qualname__"))
    return f"{module}:{function}" if function.isidentifier() else GIVEN


def check(name: str) -> None:
    """Raises `InputError` where the module of this name cannot be found; imports parents alone."""
    module = name.partition(":")[0]
    if name == GIVEN:
        raise InputError("the networks of this model were given as objects: give them again")
    try:
        found = importlib.util.find_spec(module)
    except (ImportError, ValueError, AttributeError):
        found = None
    if found is None:
        raise InputError(f"there is no module {module!r} for the network {name}: {HOW}")


def find(name: str) -> Callable:
    """The function of this name.

    Raises:
      InputError: no such module or function, the module fails, or the function is not marked.
    """
    check(name)
    module, _, function = name.partition(":")
    try:
        found = getattr(importlib.import_module(module), function, None)
    except Exception as error:  # whatever a user's module may raise
        raise InputError(f"the module {module!r} fails: {line(error)}") from error
    if found is None:
        raise InputError(f"{module!r} has no function {function!r}: {HOW}")
    if not getattr(found, MARK, False):
        raise InputError(f"{name} is no network: mark the function with @tf_twostage.network")
    return found


def line(error: Exception) -> str:
    """An exception of foreign code, on one line."""
    return f"{type(error).__name__}: {' '.join(str(error).split())}"
