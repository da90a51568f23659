"""Trainings of a user's own."""

from __future__ import annotations

from .codes import code
from .kinds import UNIT, scaled
from .layouts import picture_folder
from .spaces import finds

KINDS = {
    "a fit that takes all by keyword and hands it on": code(
        """
class Own(kt.HyperModel):
    def build(self, hp):
        return net([L.Dense(hp.Int("width", 4, 6))])

    def fit(self, hp, model, *args, **kwargs):
        return model.fit(*args, batch_size=hp.Choice("batch_size", [8, 16]), shuffle=hp.Boolean("shuffle"), **kwargs)
""",
        model="my.py:Own",
    ),
    "a fit that names its arrays and weighs the examples": code(
        """
class Own(kt.HyperModel):
    def build(self, hp):
        return net([L.Dense(hp.Int("width", 4, 6))])

    def fit(self, hp, model, x, y, validation_data=None, callbacks=None, **kwargs):
        weights = np.where(y == 0, hp.Float("weight", 1.0, 2.0), 1.0)
        model.fit(x, y, sample_weight=weights, verbose=0, **kwargs)
        return {"val_loss": model.evaluate(*validation_data, verbose=0)[0]}
""",
        model="my.py:Own",
    ),
    "a fit with its own callbacks, stopping early": code(
        """
class Own(kt.HyperModel):
    def build(self, hp):
        return net([L.Dense(hp.Int("width", 4, 6))])

    def fit(self, hp, model, x, y, validation_data, callbacks=(), epochs=1, **kwargs):
        stop = keras.callbacks.EarlyStopping(patience=hp.Choice("patience", [1, 2]), restore_best_weights=True)
        return model.fit(x, y, validation_data=validation_data, callbacks=[*callbacks, stop], epochs=2, verbose=0)
""",
        model="my.py:Own",
    ),
    "a model with its own steps, compiled without a loss": code(
        """
import tensorflow as tf


class Net(keras.Model):
    def __init__(self, width, **kwargs):
        super().__init__(**kwargs)
        self.width, self.flatten, self.inner, self.head = width, L.Flatten(), L.Dense(width), L.Dense(4, "softmax")
        self.losses_seen, self.hits = keras.metrics.Mean(name="loss"), keras.metrics.SparseCategoricalAccuracy("hits")

    def call(self, x, training=False):
        return self.head(self.inner(self.flatten(x)))

    @property
    def metrics(self):
        return [self.losses_seen, self.hits]

    def train_step(self, data):
        with tf.GradientTape() as tape:
            loss = self.lost(data)
        self.optimizer.apply_gradients(zip(tape.gradient(loss, self.trainable_weights), self.trainable_weights))
        return {each.name: each.result() for each in self.metrics}

    def test_step(self, data):
        self.lost(data)
        return {each.name: each.result() for each in self.metrics}

    def lost(self, data):
        x, y = data
        answers = self(x, training=True)
        loss = tf.reduce_mean(keras.losses.sparse_categorical_crossentropy(y, answers))
        self.losses_seen.update_state(loss)
        self.hits.update_state(y, answers)
        return loss

    def get_config(self):
        return {**super().get_config(), "width": self.width}


def build(hp):
    model = Net(hp.Int("width", 4, 8))
    model.compile(optimizer=keras.optimizers.Adam(0.02))
    return model
""",
        options=(*UNIT, "--objective", "val_hits:max"),
        inputs=scaled,
    ),
    "a training loop of gradients, for a model that is not compiled": code(
        """
import tensorflow as tf


class Own(kt.HyperModel):
    def build(self, hp):
        return keras.Sequential([keras.Input((8, 8, 1)), L.Rescaling(1 / 255), L.Flatten(), L.Dense(4, "softmax")])

    def fit(self, hp, model, x, y, validation_data, **kwargs):
        optimizer = keras.optimizers.Adam(hp.Float("rate", 1e-3, 1e-2, sampling="log"))
        loss_of = keras.losses.SparseCategoricalCrossentropy()
        for start in range(0, len(x), 16):
            with tf.GradientTape() as tape:
                loss = loss_of(y[start : start + 16], model(x[start : start + 16], training=True))
            optimizer.apply(tape.gradient(loss, model.trainable_variables), model.trainable_variables)
        return float(loss_of(validation_data[1], model(validation_data[0])))
""",
        model="my.py:Own",
        options=("--objective", "val_loss"),
    ),
    "folds that train the model they were given": code(
        """
class Own(kt.HyperModel):
    def build(self, hp):
        return net([L.Dense(hp.Int("width", 4, 6))])

    def fit(self, hp, model, x, y, validation_data, epochs=1, **kwargs):
        for fold in range(2):
            kept = np.arange(len(x)) % 2 != fold
            model.fit(x[kept], y[kept], epochs=1, verbose=0)
        return model.evaluate(*validation_data, return_dict=True, verbose=0)["loss"]
""",
        model="my.py:Own",
    ),
    "folds of new models, which only rank": code(
        """
class Own(kt.HyperModel):
    def build(self, hp):
        return net([L.Dense(hp.Int("width", 4, 5))])

    def fit(self, hp, model, x, y, validation_data, **kwargs):
        losses = []
        for fold in range(2):
            new = keras.models.clone_model(model)
            new.compile(keras.optimizers.Adam(0.02), "sparse_categorical_crossentropy")
            kept = np.arange(len(x)) % 2 != fold
            new.fit(x[kept], y[kept], verbose=0)
            losses.append(new.evaluate(x[~kept], y[~kept], verbose=0))
        return float(np.mean(losses))
""",
        model="my.py:Own",
        options=("--retrain-with", "fit"),
        check=finds(2),
    ),
    "a fit with arrays, on a folder of pictures": code(
        """
class Own(kt.HyperModel):
    def build(self, hp):
        return net([L.Dense(hp.Int("width", 4, 6))])

    def fit(self, hp, model, x, y=None, validation_data=None, callbacks=None, epochs=1):
        assert x.shape[1:] == (8, 8, 1), x.shape
        history = model.fit(x, y, validation_data=validation_data, epochs=epochs, verbose=0)
        return min(history.history["val_loss"])
""",
        model="my.py:Own",
        data=picture_folder,
    ),
    "a fit of data sets, on a folder of pictures": code(
        """
class Own(kt.HyperModel):
    def build(self, hp):
        layers = [keras.Input((8, 8, 1)), L.Flatten(), L.Dense(hp.Int("width", 4, 6)), L.Dense(4, "softmax")]
        model = keras.Sequential(layers)
        model.compile(keras.optimizers.Adam(0.02), "sparse_categorical_crossentropy", metrics=["accuracy"])
        return model

    def fit(self, hp, model, dataset, validation_data=None, **kwargs):
        return model.fit(dataset, validation_data=validation_data, **kwargs)
""",
        model="my.py:Own",
        data=picture_folder,
        options=UNIT,
        inputs=scaled,
    ),
}
