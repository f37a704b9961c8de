"""The model layer over the data layer: LightGBM trains and forecasts, with the layer's own libgomp."""

from pathlib import Path

import lightgbm
import numpy as np

x = np.random.default_rng(0).normal(size=(600, 4))
y = 0.01 * x[:, 0] + 0.001 * x[:, 1]
parameters = {"objective": "regression_l1", "num_threads": 1, "verbose": -1, "seed": 0}
booster = lightgbm.train(parameters, lightgbm.Dataset(x, y), num_boost_round=20)

again = lightgbm.Booster(model_str=booster.model_to_string())
forecast = again.predict(x, num_threads=1)
assert isinstance(forecast, np.ndarray)
assert (forecast == booster.predict(x, num_threads=1)).all()
assert np.corrcoef(forecast, y)[0, 1] > 0.9
assert np.shape(again.predict(x[:1], pred_contrib=True)) == (1, 5)

maps = Path("/proc/self/maps")
if maps.exists():
    gomp = {line.split()[-1] for line in maps.read_text().splitlines() if "libgomp" in line}
    own = Path(lightgbm.__file__).parents[2] / "lib" / "libgomp.so.1"
    assert gomp == {str(own)}, f"LightGBM runs on {gomp or 'no libgomp'}, not on the layer's own {own}"
