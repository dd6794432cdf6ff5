#!/usr/bin/env bash
# Shows what only a GPU can show, in under 12 minutes on an H100: parity, speed, and as much of MNIST's
# full schedule as time allows. Give the same OUTPUT again to go on with that.
#
#   bash benchmarks/gpu_check.sh INCEPTION_GRAPH OUTPUT [further flags of run_experiments.py]
#
# Each part has a time limit and a log of its own in OUTPUT; one that fails leaves the others alone.
set -uo pipefail
cd "$(dirname "$0")/.."
graph=$(realpath "$1") out=$(realpath -m "$2")
shift 2
mkdir -p "$out"
export TF_FORCE_GPU_ALLOW_GROWTH=true

part() { # NAME SECONDS COMMAND...
  local name=$1 limit=$2 start=$SECONDS
  shift 2
  timeout --signal=INT --kill-after=30 "$limit" "$@" > "$out/$name.log" 2>&1
  echo "== $name: exit code $?, $((SECONDS - start)) s; the end of $out/$name.log:"
  tail -n 25 "$out/$name.log"
}

# Losses within 1e-5 of the plain formulas need float32 products, not TF32's. Where a GAN ends is
# chance: another rounding, another end. The ring's test knows the CPU's.
part parity 150 env NVIDIA_TF32_OVERRIDE=0 python -m pytest -q \
  tests/models/test_official_parity.py tests/models/test_layers.py tests/models/test_fused.py \
  tests/training/test_device_loop.py tests/training/test_gan_training.py \
  --deselect tests/training/test_gan_training.py::test_a_ring_of_eight_gaussians_is_found_whole
part speed 210 python -m benchmarks.training_step --device gpu --rounds 3 stage1_28 stage2
part fid_speed 60 python -m benchmarks.fid_speed --device gpu --parts speed --inception "$graph"

# The second of two runs alike finds what XLA compiled for the first; their logs are the same.
short=(--dataset manifold --epochs_scale 0.02 --fid off --deterministic)
export TF_XLA_FLAGS="--tf_xla_persistent_cache_directory=$out/xla --tf_xla_persistent_cache_device_types=GPU"
part first 75 python run_experiments.py "${short[@]}" --output_dir "$out/first"
part second 60 python run_experiments.py "${short[@]}" --output_dir "$out/second"
unset TF_XLA_FLAGS
for stage in 1 2; do # the last column holds seconds
  diff -q <(rev "$out"/first/*/*/*/stage$stage.csv | cut -d, -f2- | rev) \
    <(rev "$out"/second/*/*/*/stage$stage.csv | cut -d, -f2- | rev) \
    > /dev/null && echo "stage $stage: --deterministic gave the same log twice" \
    || echo "stage $stage: --deterministic gave two logs"
done

# All GPUs of the machine share each batch, to the end: scores, page and SavedModel.
part mirrored 75 python run_experiments.py "${short[@]}" --strategy mirrored --output_dir "$out/mirrored"

part mnist "$((700 > SECONDS ? 700 - SECONDS : 1))" python run_experiments.py --dataset mnist \
  --recipe paper --tf32 --fid_dims 768 --inception "$graph" --output_dir "$out/runs" "$@"
echo "$SECONDS s in all"
