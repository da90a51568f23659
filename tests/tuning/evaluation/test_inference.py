"""A Keras model as a predict function."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from tuning.evaluation.inference import BATCH, predict_with
from tuning.settings import Feed


@pytest.fixture(scope="module")
def model(model_file):
    return keras.models.load_model(model_file)


@pytest.mark.slow
@pytest.mark.parametrize("count", [1, BATCH, BATCH + 1])
def test_it_answers_as_keras_does_at_any_number_of_images(model, digits, count):
    images = digits.training.images[:count]
    answer = predict_with(model, Feed())(images)
    assert (answer.shape, answer.dtype) == ((count, 10), np.float32)
    # Keras itself differs by 2e-6 between batch sizes.
    assert np.abs(answer - model.predict(images, batch_size=BATCH, verbose=0)).max() <= 1e-5


def test_dropout_is_off(hypermodel, digits):
    values = hypermodel.check({"num_blocks": 1, "dense_units": 32, "dropout": 0.5})
    predict = predict_with(hypermodel.build(hypermodel.hyperparameters(values)), Feed())
    images = digits.training.images[:20]
    assert np.array_equal(predict(images), predict(images))
