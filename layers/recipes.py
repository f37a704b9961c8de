"""What each layer and each function carries, and what is left out of it, each with its reason.

Patterns are matched against paths relative to the layer's `python` folder: `*` stays within a folder, `**` spans
folders, `{a,b}` is either. A rule that matches nothing fails the build, so that an upgraded package cannot quietly
outgrow its rules.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import get_args

from candlecast.settings import Exchange

MEBIBYTE = 1024 * 1024
LIMIT = 250 * MEBIBYTE * 9 // 10
"""Bytes a function and its layers may take unzipped: nine tenths of what Lambda accepts."""


@dataclass(frozen=True)
class Drop:
    """Files left out, but for those that match `but`."""

    pattern: str
    why: str
    but: str = ""


@dataclass(frozen=True)
class Trim:
    """Lines of one file left out: those that begin like `line`, unless the name it captures is in `but`."""

    file: str
    line: str
    but: tuple[str, ...]
    why: str


@dataclass(frozen=True)
class Layer:
    """A layer of third-party packages, all of them locked in layers/<name>/requirements.txt."""

    packages: tuple[str, ...]
    left_out: Mapping[str, str] = field(default_factory=dict)
    """Packages of the lock that the layer does without, each with the reason."""
    drops: tuple[Drop, ...] = ()
    trims: tuple[Trim, ...] = ()
    libraries: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    """Shared libraries in the layer's `lib`: {file name: (package whose wheel carries a copy, pattern of its path)}."""


RUNTIME = {
    "boto3": "Lambda's runtime has it",
    "botocore": "Lambda's runtime has it",
    "s3transfer": "Lambda's runtime has it",
}

# Some packages come into every lock behind boto3. The layers whose own packages need them carry them nevertheless.
BEHIND_BOTO3 = {
    "python-dateutil": "only the runtime's botocore asks for it",
    "six": "only the runtime's botocore asks for it",
    "urllib3": "only the runtime's botocore asks for it",
}

EVERYWHERE = (
    Drop("*.dist-info/RECORD", "lists files that are no longer all there"),
    Drop("*.dist-info/INSTALLER", "says which tool installed it: not reproducible"),
    Drop("*.dist-info/REQUESTED", "says how it was asked for: not reproducible"),
)

CORE = Layer(
    packages=(
        "annotated-types",
        "aws-lambda-powertools",
        "aws-xray-sdk",
        "jmespath",
        "pydantic",
        "pydantic-core",
        "pyyaml",
        "typing-extensions",
        "typing-inspection",
        "tzdata",
        "wrapt",
    ),
    left_out=BEHIND_BOTO3,
    drops=(
        Drop("bin/*", "commands for a shell"),
        Drop("aws_lambda_powertools/event_handler/openapi/swagger_ui/*.js", "the API's documentation is FastAPI's"),
        Drop("pydantic/v1/**", "the old pydantic for old code"),
        Drop("**/*.pyi", "type stubs"),
    ),
)

DATA = Layer(
    packages=("awswrangler", "numpy", "packaging", "pandas", "pyarrow", "python-dateutil", "pytz", "six"),
    left_out={
        "urllib3": "only the runtime's botocore asks for it",
        "setuptools": "awswrangler names it for pkg_resources, which it no longer imports",
    },
    drops=(
        Drop("bin/*", "commands for a shell"),
        Drop("**/tests/**", "the packages' own tests", but="numpy/_core/tests/**"),
        Drop("numpy/_core/tests/test_*", "numpy's own tests; numpy.testing imports a neighbour of theirs"),
        Drop("numpy/_core/tests/data/**", "data of numpy's tests"),
        Drop("**/*.pyi", "type stubs"),
        Drop("**/*.pyx", "Cython sources"),
        Drop("**/*.pxd", "Cython declarations"),
        Drop("**/*.pxi", "Cython includes"),
        Drop("numpy/**/*.a", "static libraries for building against numpy"),
        Drop("numpy/_core/include/**", "headers for building against numpy"),
        Drop("pyarrow/include/**", "headers for building against Arrow"),
        Drop("pyarrow/src/**", "C++ sources"),
        Drop("pyarrow/_pyarrow_cpp_tests*", "Arrow's own tests"),
        Drop("pyarrow/*flight*", "Arrow's remote procedure calls"),
        Drop("pyarrow/libarrow_python.so.*.*", "a copy: the extension modules ask for libarrow_python.so.<major>"),
        Drop("pyarrow/libarrow_python.so", "a copy, for linking against Arrow"),
        Drop("pyarrow/libarrow_python_parquet_encryption.so.*.*", "a copy, like libarrow_python's"),
        Drop("pyarrow/libarrow_python_parquet_encryption.so", "a copy, like libarrow_python's"),
        Drop("pyarrow/*_parquet_encryption.cpython*", "S3 encrypts at rest"),
        Drop("pyarrow/*orc*", "ORC files"),
        Drop("pyarrow/*gcsfs*", "Google's storage"),
        Drop("pyarrow/*azurefs*", "Azure's storage"),
        Drop("pyarrow/*hdfs*", "Hadoop's storage"),
        Drop("pyarrow/cuda.py", "GPU memory"),
        Drop("pyarrow/jvm.py", "Java's memory"),
    ),
)

MODEL = Layer(
    packages=("lightgbm", "narwhals", "scipy"),
    left_out={
        **BEHIND_BOTO3,
        "numpy": "in the data layer, which every function with a model has too",
        "scikit-learn": "only its copy of libgomp is wanted",
        "cloudpickle": "scikit-learn's",
        "joblib": "scikit-learn's",
        "threadpoolctl": "scikit-learn's",
    },
    drops=(
        Drop("scipy/*/**", "LightGBM imports scipy.sparse for its type checks, no more", but="scipy/{_lib,sparse}/**"),
        Drop("scipy/_lib/{_uarray,cobyqa,pyprima,_test_*,_fpumode*,messagestream*}**", "for scipy's solvers and tests"),
        Drop("scipy/sparse/{linalg,csgraph}/**", "sparse solvers and graphs"),
        Drop("scipy/{_lib,sparse}/tests/**", "scipy's own tests"),
        Drop("scipy.libs/*", "OpenBLAS for scipy.linalg, which is not loaded"),
        Drop("**/*.pyi", "type stubs"),
        Drop("**/*.pxd", "Cython declarations"),
    ),
    libraries={"libgomp.so.1": ("scikit-learn", "scikit_learn.libs/libgomp*")},  # LightGBM needs it, Lambda has none
)

_SERVED = ",".join(get_args(Exchange))

EXCHANGE = Layer(
    packages=("ccxt", "certifi", "cffi", "charset-normalizer", "cryptography", "idna", "requests", "urllib3"),
    left_out={
        "python-dateutil": "only the runtime's botocore asks for it",
        "six": "only the runtime's botocore asks for it",
        "pycparser": "for building with cffi",
        "coincurve": "signs orders; ccxt does without it",
        "setuptools": "for installing ccxt",
        **dict.fromkeys(
            (
                "aiodns",
                "aiohappyeyeballs",
                "aiohttp",
                "aiosignal",
                "attrs",
                "frozenlist",
                "multidict",
                "propcache",
                "pycares",
                "yarl",
            ),
            "for ccxt's asynchronous half",
        ),
    },
    drops=(
        Drop("bin/*", "commands for a shell"),
        Drop("ccxt/async_support/**", "the asynchronous half"),
        Drop("ccxt/pro/**", "web sockets"),
        Drop("ccxt/test/**", "ccxt's own tests"),
        Drop("ccxt/protobuf/**", "web socket messages"),
        Drop("ccxt/static_dependencies/{bip,dydx_v4_client,lark,mnemonic}/**", "for wallets; ccxt does without"),
        Drop("ccxt/*.py", "exchanges that settings cannot name", but=f"ccxt/{{__init__,{_SERVED}}}.py"),
        Drop("ccxt/abstract/*.py", "their endpoints", but=f"ccxt/abstract/{{__init__,{_SERVED}}}.py"),
        Drop("**/*.pyi", "type stubs"),
    ),
    trims=(
        Trim(
            "ccxt/__init__.py",
            line=r"from ccxt\.(\w+) import|    '(\w+)',",
            but=("base", "Exchange", "Precise", "exchanges", "decimal_to_precision"),
            why="it imports and lists every exchange; the ones that are asked are imported when they are",
        ),
    ),
)

WEB = Layer(
    packages=("annotated-doc", "anyio", "fastapi", "idna", "mangum", "opentelemetry-api", "starlette"),
    left_out=BEHIND_BOTO3,
    drops=(Drop("bin/*", "commands for a shell"), Drop("anyio/pytest_plugin.py", "for tests")),
)

LAYERS = {"core": CORE, "data": DATA, "model": MODEL, "exchange": EXCHANGE, "web": WEB}

FUNCTIONS = {
    "ingest": ("core", "data", "exchange"),
    "predict": ("core", "data", "model"),
    "drift": ("core", "data"),
    "api": ("core", "web"),
}
