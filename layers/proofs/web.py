"""The web layer over the core layer: FastAPI under Mangum answers API Gateway, and nothing heavy is loaded."""

import json
import sys
from typing import Any

from fastapi import FastAPI, Query
from mangum import Mangum

app = FastAPI()


@app.get("/predict")
async def predict(hour: int = Query(ge=0, le=23)) -> dict[str, int]:
    return {"hour": hour}


def ask(path: str, **query: str) -> Any:
    event = {
        "resource": "/{proxy+}",
        "path": path,
        "httpMethod": "GET",
        "headers": {"Host": "proof"},
        "multiValueHeaders": {"Host": ["proof"]},
        "queryStringParameters": query,
        "multiValueQueryStringParameters": {key: [value] for key, value in query.items()},
        "requestContext": {"stage": "v1", "identity": {"sourceIp": "127.0.0.1"}, "httpMethod": "GET", "path": path},
        "body": None,
        "isBase64Encoded": False,
    }
    context: Any = None
    return Mangum(app, lifespan="off")(event, context)


answer = ask("/predict", hour="9")
assert (answer["statusCode"], json.loads(answer["body"])) == (200, {"hour": 9}), answer
assert ask("/predict", hour="24")["statusCode"] == 422
assert "/predict" in json.loads(ask("/openapi.json")["body"])["paths"]
assert not {"numpy", "pandas", "pyarrow", "lightgbm"} & set(sys.modules)
