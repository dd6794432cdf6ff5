"""The files that the documentation's pages take for granted, small."""

import json
import pathlib
import tarfile
import zipfile
from collections.abc import Iterable

import numpy as np
import own_networks
import pyarrow
from doc_blocks import ROOT
from fid_graph import SmallInception
from loading import pictures, write_pngs
from pyarrow import parquet

from tf_twostage import recipes
from tf_twostage.data import manifold
from tf_twostage.models.export import export_saved_model
from tf_twostage.models.two_stage import TwoStageVAE
from tf_twostage.reporting import model_card

RUN = "runs/manifold/quick-infogan-learned/trial_000"
OTHER_RUNS = [f"runs/fashion_mnist/paper-infogan-{kind}/trial_000" for kind in ("learned", "fixed")]
_IMAGES = 120  # a batch of the recipe `paper` and some more


def write(folder: pathlib.Path) -> None:
    """Writes everything but the run, and links to what the repository has."""
    for name in ("examples", "requirements.txt", "results", "run_experiments.py", "tests"):
        (folder / name).symlink_to(ROOT / name)
    images = pictures(_IMAGES, (64, 64, 3))
    write_pngs(folder / "path" / "to" / "images", images)
    write_pngs(folder, images[:1], "photo.png")
    (folder / "photo.png").rename(folder / "photo.jpg")  # readers look at what is inside
    np.savez(folder / "images.npz", images=images, photos=images)
    _write_shards(folder, (folder / "path" / "to" / "images").iterdir())
    _write_celeba(folder / "FOLDER")
    (folder / "graph.pb").write_bytes(SmallInception().graph_def().SerializeToString())
    for run in OTHER_RUNS:
        (folder / run).mkdir(parents=True)


def write_run(path: pathlib.Path) -> None:
    """A run on the built-in images, of a small network that is not trained, with its SavedModel."""
    recipe = recipes.get("quick", "manifold", manifold.DRAWN_TRAIN, stage2_width=8)
    model = TwoStageVAE(recipe, (manifold.SIZE, manifold.SIZE, 1), network=own_networks.dense)
    model.trained = {1, 2}
    model.save(path)
    origin = {"dataset": {"name": "manifold"}, "recipe": {"model": "two_stage"}, "metrics": {}}
    beside = {model_card.RUN: json.dumps(origin)}
    export_saved_model(model, path / "saved_model" / "1", beside)


def _write_celeba(folder: pathlib.Path) -> None:
    """The makers' files; the images in them are empty."""
    folder.mkdir()
    names = [f"{i:06d}.jpg" for i in range(_IMAGES)]
    with zipfile.ZipFile(folder / "img_align_celeba.zip", "w") as archive:
        for name in names:
            archive.writestr(f"img_align_celeba/{name}", b"")
    parts = (f"{name} {0 if i < 100 else 2}\n" for i, name in enumerate(names))
    (folder / "list_eval_partition.txt").write_text("".join(parts))


def _write_shards(folder: pathlib.Path, images: Iterable[pathlib.Path]) -> None:
    """`images.parquet`, and a folder with a tar."""
    contents = [path.read_bytes() for path in sorted(images)]
    parquet.write_table(
        pyarrow.table({"image": pyarrow.array(contents)}), folder / "images.parquet"
    )
    (folder / "path" / "to" / "shards").mkdir()
    with tarfile.open(folder / "path" / "to" / "shards" / "000000.tar", "w") as archive:
        archive.add(folder / "path" / "to" / "images", "")
