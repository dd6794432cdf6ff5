import pytest
import tiny_served


@pytest.fixture(scope="session")
def saved_model(tmp_path_factory):
    """The folder of a tiny SavedModel, of version 3."""
    return tiny_served.write(tmp_path_factory.mktemp("served"))


@pytest.fixture(scope="session")
def model(saved_model):
    """That, loaded alone."""
    from tf_twostage.serving.served_model import ServedModel

    return ServedModel(saved_model)
