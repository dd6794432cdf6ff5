#!/usr/bin/env bash
# Table 1 on one machine without a scheduler: a loop over its GPUs, a process for each.
#
#   bash examples/gpus_table1.sh 0 1 2 3
#
# Every process gets the whole command; each takes the next trial that nobody holds. The flag --jobs does the
# same from one process. This loop also works when the numbers are those of GPUs on several machines,
# started on each with an --output_dir that all see.
set -euo pipefail

: "${DATASET:=all}"
: "${RECIPE:=official_code}"
: "${OUTPUT_DIR:=runs}"
: "${TRIALS:=10}"
: "${PYTHON:=.venv/bin/python}"

mkdir -p "$OUTPUT_DIR"
for gpu in "$@"; do
  CUDA_VISIBLE_DEVICES="$gpu" "$PYTHON" run_experiments.py \
    --dataset "$DATASET" --recipe "$RECIPE" --gamma learned,fixed --output_dir "$OUTPUT_DIR" \
    --trials "$TRIALS" --jobs 1 > "$OUTPUT_DIR/gpu_$gpu.log" 2>&1 &
done
wait
