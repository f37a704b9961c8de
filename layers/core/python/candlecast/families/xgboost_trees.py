"""XGBoost on absolute loss. XGBoost's library only fits; its trees are then written in LightGBM's text format.

The library (18 to 22 MB) has no room in the package that forecasts, and a second evaluator of trees is no use there:
both libraries' trees compare one feature with one threshold. XGBoost goes left where a feature in single precision is
below the threshold, LightGBM where it is not above, so each threshold becomes the single-precision number before it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import numpy as np

from candlecast.families import trees
from candlecast.families.point import Matrix, Parameters
from candlecast.families.trees import Trees
from candlecast.features import NAMES
from candlecast.windows import Series

FAMILY = "xgboost"
DEFAULTS: Mapping[str, Any] = {
    "objective": "reg:absoluteerror",
    "tree_method": "hist",
    "num_iterations": 150,
    "learning_rate": 0.05,
    "max_depth": 3,
    "min_child_weight": 500,
    "subsample": 0.6,
    "colsample_bytree": 0.4,
    "reg_lambda": 20.0,
    "max_bin": 63,
}
_NUMERIC = 2  # LightGBM's decision type: a threshold, no special value for what is missing


def fit(matrix: Matrix, target: Series, seed: int, parameters: Parameters) -> Trees:
    """Gradient boosting by XGBoost. *target*: returns in volatilities.

    Always one thread: with more, XGBoost adds in another order. Needs the `training` extra.
    """
    import xgboost

    leaf = max(10, min(DEFAULTS["min_child_weight"], len(target) // 60))
    given = {**DEFAULTS, "min_child_weight": leaf, **parameters, "seed": seed, "nthread": 1, "verbosity": 0}
    rounds = given.pop("num_iterations")
    data = xgboost.DMatrix(matrix, target, nthread=1)
    fitted = xgboost.train(given, data, num_boost_round=rounds)
    converted = trees.read(FAMILY, {trees.PART: as_lightgbm(json.loads(fitted.save_raw("json"))).encode()})
    return Trees(FAMILY, converted.booster, {**given, "num_iterations": rounds})


def as_lightgbm(document: Mapping[str, Any]) -> str:
    """XGBoost's JSON model as LightGBM's text; the base score becomes part of the first tree's leaves."""
    learner = document["learner"]
    base = float(str(learner["learner_model_param"]["base_score"]).strip("[]"))
    head = {
        "version": "v4",
        "num_class": 1,
        "num_tree_per_iteration": 1,
        "label_index": 0,
        "max_feature_idx": len(NAMES) - 1,
        "objective": "regression_l1",
        "feature_names": " ".join(NAMES),
        "feature_infos": " ".join(["[-inf:inf]"] * len(NAMES)),
    }
    grown = learner["gradient_booster"]["model"]["trees"]
    blocks = [_tree(tree, place, 0.0 if place else base) for place, tree in enumerate(grown)]
    return "\n".join(["tree", *(f"{name}={value}" for name, value in head.items()), "", *blocks, "end of trees", ""])


def _tree(tree: Mapping[str, Any], place: int, added: float) -> str:
    left, right = np.array(tree["left_children"]), np.array(tree["right_children"])
    split = left >= 0
    number = np.where(split, np.cumsum(split) - 1, ~(np.cumsum(~split) - 1))  # leaves count -1, -2, .. in LightGBM
    # an XGBoost leaf's value stands where an inner node has its threshold
    conditions = np.array(tree["split_conditions"], "float32")
    thresholds = np.nextafter(conditions, np.float32(-np.inf)).astype("float64")
    values = conditions.astype("float64") + added
    inner_values = np.array(tree["base_weights"], "float64") + added
    covers = np.array(tree["sum_hessian"])  # of absolute loss: the number of rows
    lines: dict[str, Any] = {
        "num_leaves": int((~split).sum()),
        "num_cat": 0,
        "split_feature": np.array(tree["split_indices"])[split],
        "split_gain": np.array(tree["loss_changes"], "float64")[split],
        "threshold": thresholds[split],
        "decision_type": np.full(split.sum(), _NUMERIC),
        "left_child": number[left[split]],
        "right_child": number[right[split]],
        "leaf_value": values[~split],
        "leaf_weight": covers[~split],
        "leaf_count": covers[~split].astype("int64"),
        "internal_value": inner_values[split],
        "internal_weight": covers[split],
        "internal_count": covers[split].astype("int64"),
        "is_linear": 0,
        "shrinkage": 1,
    }
    written = (f"{name}={' '.join(map(repr, np.atleast_1d(v).tolist()))}" for name, v in lines.items())
    return "\n".join([f"Tree={place}", *written, "", ""])
