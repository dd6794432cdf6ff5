"""Stage 1, InfoGAN, 32 x 32 x 3, batch 100."""

from benchmarks import training_step

if __name__ == "__main__":
    training_step.main("stage1_32", 1, (32, 32, 3), steps=20, target=1.10)
