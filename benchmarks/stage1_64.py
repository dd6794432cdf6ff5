"""Stage 1, InfoGAN, 64 x 64 x 3, batch 100: 70 million parameters."""

from benchmarks import training_step

if __name__ == "__main__":
    training_step.main("stage1_64", 1, (64, 64, 3), steps=10, target=1.10)
