"""Trains, scores and exports the two-stage VAE of "Diagnosing and Enhancing VAE Models"."""

from tf_twostage.experiment import cli

if __name__ == "__main__":
    cli.console_script()
