"""The model card that lies beside a SavedModel, after Mitchell et al. (2019).

It says what the model is, what it was trained on and how, what was measured, what it may be used
for, and how to call it.
"""

import json
from collections.abc import Collection

from tf_twostage import recipes
from tf_twostage.metrics import FidScores
from tf_twostage.models import signatures
from tf_twostage.reporting import markdown, page
from tf_twostage.reporting.numbers import Parts

RUN = "assets.extra/run.json"  # what TensorFlow itself leaves alone

LICENCES = {  # data set -> its makers' terms
    "manifold": "drawn by a formula, free for any use",
    "mnist": "CC BY-SA 3.0, by Y. LeCun, C. Cortes and C. Burges",
    "fashion_mnist": "MIT, by Zalando SE",
    "cifar10": "no licence is stated by its makers (A. Krizhevsky, V. Nair, G. Hinton)",
    "celeba": "non-commercial research only; its images belong to others (mmlab.ie.cuhk.edu.hk/"
    "projects/CelebA.html)",
}
UNKNOWN_LICENCE = "not known to this program: whoever trained the model must say"
FACES = (
    "These are faces of celebrities, gathered from the web without asking anybody. Most are young, "
    "light-skinned and made up; the model draws what it saw most, and worse what it saw rarely. Do "
    "not use it to judge, identify or imitate people."
)
PEOPLE = "Where images show people, the model repeats and sharpens the set's own imbalances."

DISTANCES = {
    "stage1": "stage-1 samples",
    "stage2": "samples of both stages",
    "train_vs_test": "training images, the floor",
}
SIGNATURES = {  # name -> what it takes, what it gives; in the order of the card
    "generate": ("count, seed", "images, by all stages"),
    "generate_stage1": ("count, seed", "images of stage 1: z ~ N(0, I)"),
    "generate_latents": ("count, seed", "latents: what the default decodes"),
    "generate_png": ("count, seed", "png_bytes: the default's images, each a PNG file"),
    "decode": ("latents", "images"),
    "encode": ("images", "mean, stddev of q(z given x)"),
    "reconstruct": ("images", "images, decoded at the mean"),
    "interpolate": ("first, second, steps", "images [N, steps, H, W, C] between two images"),
}


def write(config: dict, metrics: dict, names: Collection[str]) -> str:
    """The card as Markdown.

    Args:
      config: the config.json of a run.
      metrics: its metrics.json.
      names: of the signatures that its SavedModel has.
    """
    config, metrics = markdown.plain(config), markdown.plain(metrics)
    parts = Parts.of(config["recipe"])
    name = config["dataset"]["name"]
    sections = {
        "Model": _model(config, metrics, parts),
        "Training data": _data(config),
        "Training": _training(config),
        "Measured": _measured(metrics),
        "Use": _use(name),
        "Calling it": _calls(config, names),
    }
    text = "\n\n".join(f"## {title}\n\n{body}" for title, body in sections.items())
    return f"# {parts.title} on {name}\n\n{text}\n"


def files(config: dict, metrics: dict, names: Collection[str]) -> dict[str, str]:
    """What lies beside a SavedModel: path -> text. The card, and its numbers for programs.

    Of the configuration, only what says how the model was made: no command line, no paths.
    """
    kept = {key: config.get(key) for key in ("recipe", "overrides", "dataset", "seed", "tf32")}
    run = json.dumps(kept | {"metrics": metrics}, indent=2) + "\n"
    return {"README.md": write(config, metrics, names), RUN: run}


def _model(config: dict, metrics: dict, parts: Parts) -> str:
    height, width, channels = config["dataset"]["image_shape"]
    recipe = config["recipe"]
    trained = (
        f", stages {' and '.join(map(str, metrics.get('stages') or ()))}"
        if parts.two_stages
        else ""
    )
    return (
        f"{parts.title} (`{recipe['model']}`{trained}), network `{recipe['network']}`, "
        f"{recipe['latent_dim']} latent dimensions. It makes images of {height} × {width} pixels "
        f"with {channels} channel{'s' if channels > 1 else ''}.\n\n"
        "Made with tf_twostage, a reproduction of B. Dai and D. Wipf, *Diagnosing and Enhancing "
        "VAE Models*, ICLR 2019. The code is under the Apache License 2.0. The weights were "
        "learned from the images below; their terms may bind the weights too."
    )


def _data(config: dict) -> str:
    data = config["dataset"]
    version = f" {data['version']}" if data.get("version") else ""
    return (
        f"`{data['name']}`{version}: {data['train']:,} training and {data['test']:,} held-out "
        f"images (identity `{data.get('identity', 'unknown')}`). Terms: "
        f"{LICENCES.get(data['name'], UNKNOWN_LICENCE)}."
    )


def _training(config: dict) -> str:
    recipe = recipes.from_config(config["recipe"])
    changed = page.flatten(config.get("overrides") or {})
    changes = ", ".join(f"{key} = {page.text(value)}" for key, value in changed.items())
    environment = page.as_mapping(config.get("environment"))
    versions = ", ".join(
        f"{key} {environment[key]}"
        for key in ("tensorflow", "keras", "python", "numpy")
        if key in environment
    )
    lines = [
        f"- recipe `{recipe.name}`, changed: {changes or 'nothing'}",
        *(f"- stage {stage}: {recipe.schedule(stage)}" for stage in recipe.stages),
        f"- batch size {recipe.batch_size}, weight decay {recipe.weight_decay:g}, seed "
        f"{config['seed']}",
        f"- commit `{environment.get('git_commit') or 'unknown'}`",
        f"- {versions or 'versions unknown'}",
    ]
    return "\n".join(lines)


def _measured(metrics: dict) -> str:
    rows = []
    if metrics.get("gamma") is not None:
        rows.append(("γ, the decoder's variance", page.text(metrics["gamma"])))
    if metrics.get("active_dimensions") is not None:
        active = f"{metrics['active_dimensions']} of {page.text(metrics.get('latent_dim'))}"
        rows.append(("active latent dimensions", active))
    if metrics.get("reconstruction_mse") is not None:
        error = page.text(metrics["reconstruction_mse"])
        rows.append(("squared error of reconstructions, a pixel", error))
    distances = page.as_mapping(metrics.get("sliced_wasserstein"))
    rows += [
        (f"sliced Wasserstein distance of {what}", page.text(distances[key]))
        for key, what in DISTANCES.items()
        if key in distances
    ]
    table = "\n".join(f"| {what} | {value} |" for what, value in [*rows, *_fid_rows(metrics)])
    return f"| | |\n|---|---|\n{table}"


def _fid_rows(metrics: dict) -> list[tuple[str, str]]:
    fid = FidScores.from_dict(metrics.get("fid"))
    if not fid:
        return [("FID", "not measured")]
    against = "" if fid.comparable_with_table1 else "; **compares with no published number**"
    title = (
        f"FID, protocol `{fid.protocol}`, {fid.dims} dimensions, {fid.images:,} images "
        f"on each side{against}"
    )
    found = {"best checkpoint": fid.best.protocols[fid.protocol]} if fid.best else {}
    found |= fid.protocols[fid.protocol]
    found |= {"training images, the floor": fid.training_images}
    return [(title, ", ".join(f"{key} {page.text(value)}" for key, value in found.items()))]


def _use(name: str) -> str:
    bias = {"celeba": FACES}.get(name, "" if name in LICENCES else PEOPLE)
    return (
        "For research on generative models, for teaching, and as a small model to build on. Its "
        "samples are not facts about anybody or anything, and no substitute for real data where "
        f"decisions depend on them. {bias}".rstrip()
    )


def _calls(config: dict, names: Collection[str]) -> str:
    kappa = recipes.from_config(config["recipe"]).latent_dim
    names = [name for name in SIGNATURES if name in names]
    table = "\n".join(
        f"| `{name}`{' (default)' if name == names[0] else ''} | {takes} | {gives} |"
        for name, (takes, gives) in SIGNATURES.items()
        if name in names
    )
    shape = ", ".join(map(str, config["dataset"]["image_shape"]))
    values = {
        "count, seed": "count=tf.constant(4), seed=tf.constant([0, 0])",
        "latents": f"latents=tf.zeros([1, {kappa}])",
        "images": "images=images",
        "first, second, steps": "first=images, second=images, steps=tf.constant(5)",
    }
    calls = "\n".join(f'call["{name}"]({values[SIGNATURES[name][0]]})' for name in names)
    return (
        f"| signature | takes | gives |\n|---|---|---|\n{table}\n\n"
        f"Images are float32 [N, {shape}] in 0..1, latents float32 [N, {kappa}], "
        "`count` and `steps` int32, `seed` two int32: (s, 0) gives the images of "
        f"`sample(count, seed=s)`. At most {signatures.MOST:,} images a call, 2 to "
        f"{signatures.MOST_STEPS} steps. Bad input is an InvalidArgument error.\n\n"
        "```python\nimport tensorflow as tf\n\n"
        'call = tf.saved_model.load(".").signatures  # in this folder; no other package needed\n'
        f"images = tf.zeros([1, {shape}])\n{calls}\n```\n\n"
        "By TensorFlow Serving, with this folder mounted as `/models/twostage/1`:\n\n"
        '```sh\ncurl -d \'{"signature_name": "' + names[0] + '", "inputs": {"count": 4, '
        '"seed": [0, 0]}}\' http://localhost:8501/v1/models/twostage:predict\n```'
    )
