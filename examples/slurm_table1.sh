#!/usr/bin/env bash
# Table 1 on a Slurm cluster: one trial for each task of a job array, one GPU for each.
#
#   sbatch --array=0-9 examples/slurm_table1.sh
#
# All tasks share one --output_dir on a disk that every node sees. A task that is stopped by its time limit
# gets SIGTERM, saves its last finished epoch and goes on where it was when the array is submitted again.
#SBATCH --job-name=two-stage-vae
#SBATCH --gres=gpu:1
#SBATCH --cpus-per-task=4
#SBATCH --mem=16G
#SBATCH --time=08:00:00
#SBATCH --signal=TERM@120
#SBATCH --output=slurm-%A-%a.log
set -euo pipefail

: "${DATASET:=all}"          # manifold | mnist | fashion_mnist | cifar10 | celeba | all | a path
: "${RECIPE:=official_code}"
: "${OUTPUT_DIR:=runs}"
: "${TRIALS:=10}"
: "${PYTHON:=.venv/bin/python}"

# exec: so that the scheduler's signals reach Python
exec "$PYTHON" run_experiments.py \
  --dataset "$DATASET" --recipe "$RECIPE" --gamma learned,fixed --output_dir "$OUTPUT_DIR" \
  --trials "$TRIALS" --trial "$SLURM_ARRAY_TASK_ID" "$@"
