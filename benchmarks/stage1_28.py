"""Stage 1, InfoGAN, 28 x 28 x 1, batch 100."""

from benchmarks import training_step

if __name__ == "__main__":
    training_step.main("stage1_28", 1, (28, 28, 1), steps=20, target=1.15)
