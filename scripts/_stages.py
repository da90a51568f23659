"""The stage that tune.py and train.py share: the look at the test set."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tuning.dataset import Dataset
    from tuning.run_folder import RunFolder


def look_at_test_set(record: dict[str, Any], dataset: Dataset, folder: RunFolder) -> dict[str, Any]:
    """Open the test set for the saved model. The look is on record before it happens."""
    import keras

    from tuning import run_record
    from tuning.evaluation import evaluate
    from tuning.inference import predict_with
    from tuning.run_folder import now, write_json

    looks = (record["test"] or {"looks": 0})["looks"] + 1
    record = {**record, "test": {"accuracy": None, "ci95": None, "looks": looks}}
    write_json(folder.run_json, record)
    model = keras.models.load_model(folder.model)
    evaluation = evaluate(predict_with(model), dataset.test.open(), class_names=dataset.class_names)
    write_json(folder.evaluation, evaluation.as_json())
    test = run_record.describe_test(evaluation, looks=looks)
    record = {**record, "test": test, "status": run_record.FINISHED, "finished_at": now()}
    write_json(folder.run_json, record)
    return record
