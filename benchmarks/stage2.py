"""Stage 2, three layers of 1024, batch 100."""

from benchmarks import training_step

if __name__ == "__main__":
    training_step.main("stage2", 2, (64,), steps=100, target=1.35)
