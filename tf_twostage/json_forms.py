"""The form of a run's JSON files: which values may stand where. A stranger may have written them.

What a form does not name may be anything. What it names may be absent or null, as former versions
wrote less.
"""

from collections.abc import Callable, Iterable

Form = Callable[[object], bool] | dict | list


def number(value: object) -> bool:
    """An integer or a float, NaN and infinity included; no integer beyond every float."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return isinstance(value, float) or abs(value) < 2**63


def score(value: object) -> bool:
    """A number that can be averaged with others: not NaN, and no power of ten beyond 100."""
    return number(value) and abs(value) < 1e100


def count(value: object) -> bool:
    """An integer that a computer may count to."""
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**63


def text(value: object) -> bool:
    """A string."""
    return isinstance(value, str)


def mapping(value: object) -> bool:
    """An object, whatever it holds."""
    return isinstance(value, dict)


def each(form: Form) -> Callable[[object], bool]:
    """An object whose values all have a form, and are not null."""
    return lambda value: isinstance(value, dict) and _all_fit(value.values(), form)


_WORDS = ("name", "model", "network", "stage2_network", "likelihood", "fid_protocol")


def recipe(value: object) -> bool:
    """An object whose words, as far as they are there, are strings and not null."""
    return isinstance(value, dict) and all(text(value.get(word, "")) for word in _WORDS)


CONFIG = {
    "recipe": recipe,
    "overrides": mapping,
    "dataset": {
        "name": text,
        "version": text,
        "identity": text,
        "image_shape": [count],
        "train": count,
        "test": count,
    },
    "source": text,
    "seed": count,
    "search": count,
    "environment": {"git_commit": text},
}
_NORMALITY = {"spectrum_distance": number, "mmd2": number, "p_value": number}
METRICS = {
    "stages": [count],
    "gamma": number,
    "log_gamma": number,
    "latent_dim": count,
    "active_dimensions": count,
    "true_dimensions": count,
    "lambda": [number],
    "reconstruction_mse": number,
    "latent_space": {
        "kl_per_dimension": [number],
        "active_share": number,
        "lambda_gap": number,
        "z": _NORMALITY,
        "u": _NORMALITY,
        "spectrum_floor": number,
    },
    "sliced_wasserstein": each(number),
    "near_duplicates": each(number),
    "fid": {
        "protocol": text,
        "dims": count,
        "inception_git_blob": text,
        "images": count,
        "training_images": score,
        "reconstruction": score,
        "stage1": score,
        "stage2": score,
        "protocols": each(each(score)),
        "best": {"epoch": count, "checkpoints": count, "protocols": each(score)},
    },
    "loss": each(each(number)),
    "seconds": each(number),
}
LIVE_DECODER = {
    "image_shape": [count],
    "limit": number,
    "latent_dim": count,
    "draws": each(text),
    "layers": [mapping],
}


def fits(value: object, form: Form) -> bool:
    """Whether a value has a form: a test, an object's own forms by key, or [the form of each]."""
    if value is None or callable(form):
        return value is None or form(value)
    if isinstance(form, list):
        return isinstance(value, list) and _all_fit(value, form[0])
    return isinstance(value, dict) and all(fits(value.get(key), form[key]) for key in form)


def _all_fit(values: Iterable, form: Form) -> bool:
    return all(value is not None and fits(value, form) for value in values)
