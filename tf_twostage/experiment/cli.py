"""Trains, scores and exports the two-stage VAE of "Diagnosing and Enhancing VAE Models", and the
models that its Table 1 compares with.

  python run_experiments.py                                    the built-in images, some minutes
  python run_experiments.py --dataset fashion_mnist --recipe quick
  python run_experiments.py --dataset celeba --stage both      the paper's setting
  python run_experiments.py --dataset path/to/images --dry_run
  python run_experiments.py --dataset mnist --model ns_gan,two_stage
  python run_experiments.py --dataset all --model table1 --trials 10            Table 1
  python run_experiments.py --export runs/mnist/…/trial_000 --export_dir models/mnist
  python run_experiments.py --compare runs/mnist/*/trial_000          several runs on one page

A run that was stopped goes on where it was when the same command is given again.
"""

import dataclasses
import sys

from absl import app, flags

from tf_twostage import keras_settings, recipes
from tf_twostage.errors import InputError, in_one_line
from tf_twostage.experiment import trial_process
from tf_twostage.experiment.options import Options
from tf_twostage.quiet import plain_messages, quiet_import

FLAGS = flags.FLAGS
FLAGS.set_gnu_getopt()  # flags may stand behind the folders of --compare

# --- what to train ---------------------------------------------------------------------------
flags.DEFINE_string(
    "dataset",
    "manifold",
    "manifold | mnist | fashion_mnist | cifar10 | celeba | a folder of images | an .npz of uint8 "
    "[N, H, W, C], or file.npz:KEY for one of its arrays | a .parquet, .arrow or .tar of images, "
    "or a folder of them | tfds:NAME, prepared by TensorFlow Datasets; several with commas "
    "between them; all: the paper's four.",
)
flags.DEFINE_list(
    "model",
    ["two_stage"],
    f"{' | '.join(recipes.MODELS)}; several with commas between them; table1: all rows of Table 1; "
    "all.",
)
flags.DEFINE_enum("stage", "both", ["1", "2", "both"], "The stage to train.")
flags.DEFINE_enum(
    "recipe",
    None,
    list(recipes.NAMES),
    "Whose setting; by default paper for VAEs and suggested (by each model's authors) for the "
    "others; for the built-in manifold quick.",
)
flags.DEFINE_list("gamma", [], "learned | fixed, or both: learned,fixed.")
flags.DEFINE_list("likelihood", [], "gaussian | bernoulli (cross-entropy), or both.")
flags.DEFINE_float("epochs_scale", 1.0, "Fraction of the recipe's epochs to train.")
flags.DEFINE_integer("seed", 0, "Fixes data order, weights, noise and samples.", lower_bound=0)
flags.DEFINE_integer("trials", 1, "Seeds seed, seed + 1, ...: a trial each.", lower_bound=1)
flags.DEFINE_integer(
    "search",
    None,
    "Train so many random settings of each GAN first, a trial each; the best by FID gets --trials.",
    lower_bound=1,
)
flags.DEFINE_integer(
    "trial",
    None,
    "Run just this one of --trials, counted from 0: for job arrays of a scheduler.",
    lower_bound=0,
)

# --- where from, where to --------------------------------------------------------------------
flags.DEFINE_string("output_dir", "runs", "Where run folders go.")
flags.DEFINE_string("data_dir", None, "Where TensorFlow Datasets keeps its sets.")
flags.DEFINE_string("celeba_dir", None, "CelebA's own files, in place of TensorFlow Datasets'.")
flags.DEFINE_integer(
    "image_size",
    None,
    "Resize the middle square of each image to this many pixels a side (folders, shards, "
    "tfds:NAME).",
    lower_bound=1,
)
flags.DEFINE_float(
    "memory_gb",
    None,
    "Images and posteriors beyond so many GB stay in files in --output_dir, read batch by batch; "
    "by default half of this machine's memory.",
    lower_bound=0,
)

# --- how to score ----------------------------------------------------------------------------
flags.DEFINE_enum("fid", None, ["on", "off"], "Measure FIDs; by default on the paper's data sets.")
flags.DEFINE_string("inception", None, "Path of TTUR's Inception graph; by default found by fid.")
flags.DEFINE_integer("fid_dims", 2048, "Width of the Inception features: 2048 | 768 | 192 | 64.")
flags.DEFINE_integer("fid_images", 10_000, "Images on each side of an FID.", lower_bound=2)

# --- on what to run --------------------------------------------------------------------------
flags.DEFINE_enum(
    "strategy",
    "auto",
    ["auto", "none", "mirrored", "multiworker"],
    "The devices that share a batch: auto (all GPUs where there are several), none (one device), "
    "mirrored (this machine's), multiworker (those of the environment variable TF_CONFIG).",
)
flags.DEFINE_integer(
    "jobs",
    None,
    "Trials at a time; by default one on each GPU, or one on a CPU. More than GPUs share them.",
    lower_bound=1,
)
flags.DEFINE_enum(
    "loop",
    "auto",
    ["auto", "device", "host"],
    "Where the loop over training steps runs: on the device (many steps compiled into one call, "
    "with the data there), or on the host (fed batch by batch). auto: where it is faster.",
)
flags.DEFINE_bool("jit_compile", None, "Compile training with XLA; by default on a GPU only.")
flags.DEFINE_bool("deterministic", False, "TensorFlow's deterministic ops: GPUs repeat bits too.")
flags.DEFINE_bool(
    "tf32", False, "Let recent GPUs round factors to 10 bits: faster, errors of about 1e-3."
)

# --- instead of training ---------------------------------------------------------------------
flags.DEFINE_bool("dry_run", False, "Print the whole plan, what is done and left, and stop.")
flags.DEFINE_bool(
    "theory",
    False,
    "Check the paper's theorems on data of known dimension (theory/ in --output_dir), and stop.",
)
flags.DEFINE_string("report", None, "Draw the figures and the page of this finished run again.")
flags.DEFINE_string("export", None, "Write the model of this finished run again, for serving.")
flags.DEFINE_list(
    "export_format",
    [],
    "saved_model (the default) | onnx (needs tf2onnx) | keras (.keras files); several with commas "
    "between them.",
)
flags.DEFINE_string(
    "export_dir",
    None,
    "Where --export puts it, in folders 1 (the SavedModel), onnx and keras; by default into the "
    "run itself.",
)
flags.DEFINE_list(
    "compare",
    [],
    "Put these finished runs of one data set on one page, compare.html in --output_dir: folders "
    "with commas or spaces between them, such as --compare runs/mnist/*/trial_000.",
)
flags.DEFINE_string("table1", None, "Rebuild Table 1 from the runs in this folder, and stop.")

for _name, _choices in (
    ("gamma", recipes.GAMMAS),
    ("likelihood", recipes.LIKELIHOODS),
    ("export_format", ("saved_model", "onnx", "keras")),
):
    flags.register_validator(
        _name,
        lambda given, choices=_choices: set(given) <= set(choices),
        f"choose from {', '.join(_choices)}",
    )


def _define_overrides() -> list[str]:
    """Defines a flag for every value of a recipe, unset by default; returns their names."""
    define = {int: flags.DEFINE_integer, float: flags.DEFINE_float, bool: flags.DEFINE_bool}
    names = ["network", "stage2_network"]
    flags.DEFINE_string(
        "network",
        None,
        f"{' | '.join(recipes.NETWORKS)} | your own function, package.module:function.",
    )
    flags.DEFINE_string("stage2_network", None, "mlp | your own function, likewise.")
    for family in recipes.FAMILIES:
        for field in dataclasses.fields(family.recipe):
            if field.type not in define or field.name in ("learn_gamma", *names):  # see --gamma
                continue
            define[field.type](field.name, None, f"Overrides the recipe's {field.name}.")
            names.append(field.name)
    return names


OVERRIDES = _define_overrides()
for _former, _today in recipes.FORMER_NAMES.items():
    if _today in OVERRIDES:
        flags.DEFINE_alias(_former, _today)


def options() -> Options:
    """The flags, parsed."""
    names = [field.name for field in dataclasses.fields(Options) if field.name in FLAGS]
    values = {name: FLAGS[name].value for name in names}
    values |= {name: tuple(values[name]) for name in ("model", "gamma", "likelihood")}
    overrides = {name: FLAGS[name].value for name in OVERRIDES}
    given = {name: value for name, value in overrides.items() if value is not None}
    return Options(overrides=given, **values)


def main(argv: list[str]) -> None:
    """Does what the flags say; every mistake is one line and exit code 1."""
    if len(argv) > 1 and not FLAGS.compare:
        sys.exit(f"error: unexpected argument {argv[1]!r}: every option is a flag, see --help")
    try:
        _run(argv[1:])
    except (InputError, OSError) as error:
        sys.exit(f"error: {in_one_line(error)}")
    except KeyboardInterrupt:  # Ctrl-C, or a scheduler's SIGTERM
        last = "finished experiment" if FLAGS.theory else "checkpoint"
        print(f"\nstopped: the same command goes on from the last {last}", file=sys.stderr)
        sys.exit(130)


def _run(arguments: list[str]) -> None:
    if FLAGS.table1:
        from tf_twostage.experiment import shared_table

        print(shared_table.rebuild(FLAGS.table1))
        return
    if FLAGS.compare:
        from tf_twostage.reporting import compare

        print(f"page: {compare.write([*FLAGS.compare, *arguments], FLAGS.output_dir)}")
        return
    trial_process.stop_on_sigterm()
    keras_settings.require_tensorflow()
    with quiet_import():  # TensorFlow: seconds that --help and a wrong flag do not wait for
        from tf_twostage.experiment import redraw, served, sweep, theory
    plain_messages()
    if FLAGS.theory:
        theory.run(FLAGS.output_dir)
    elif FLAGS.report:
        print(f"page: {redraw.run(FLAGS.report)}")
    elif FLAGS.export:
        formats = FLAGS.export_format or ["saved_model"]
        for path in served.run(FLAGS.export, FLAGS.export_dir, formats):
            print(f"exported: {path}")
    else:
        sweep.run(options())


def console_script() -> None:
    """The whole program."""
    # absl's --help shows the docstring of the main module, and the flags that are key to it.
    sys.modules["__main__"].__doc__ = __doc__
    for flag in FLAGS.flags_by_module_dict()[__name__]:
        FLAGS.register_key_flag_for_module(sys.argv[0], flag)
    try:
        app.run(main)
    finally:
        trial_process.ignore_signals()
