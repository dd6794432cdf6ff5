import logging
import warnings

from absl import logging as absl_logging

from tf_twostage import quiet


def test_tensorflow_s_warning_of_retracing_is_not_shown(monkeypatch):
    logger, verbosity = logging.getLogger("tensorflow"), absl_logging.get_verbosity()
    monkeypatch.setattr(logger, "filters", list(logger.filters))
    monkeypatch.setattr(warnings, "formatwarning", warnings.formatwarning)
    quiet.plain_messages()
    absl_logging.set_verbosity(verbosity)
    texts = ["5 out of the last 5 calls to <f> triggered tf.function retracing.", "something else"]
    records = [logging.LogRecord("tensorflow", 30, "", 0, text, (), None) for text in texts]
    assert [r.getMessage() for r in records if logger.filter(r)] == ["something else"]
