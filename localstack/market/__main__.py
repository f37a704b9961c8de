"""`python -m localstack.market`: serve the market until it is told to end."""

from __future__ import annotations

import argparse
import re
import signal
import sys
from contextlib import suppress
from pathlib import Path

import uvicorn

from localstack.market.app import application
from localstack.market.candles import Source
from localstack.market.exchange import Exchange
from localstack.market.recorded import BadRecording, Recorded
from localstack.market.regimes import BadOrders, Regimes
from localstack.market.simulated import SYMBOLS, Simulated


def main() -> None:
    arguments = _parser().parse_args()
    try:
        source = _source(arguments)
    except (BadRecording, BadOrders) as problem:
        print(f"market: {problem}", file=sys.stderr)
        sys.exit(2)
    config = uvicorn.Config(
        application(Exchange(source)),
        host=arguments.host,
        port=arguments.port,
        log_level="critical",
        access_log=False,
        lifespan="off",
        proxy_headers=False,
        server_header=False,
        ws="none",
        timeout_keep_alive=75,  # as the exchanges' own gateways
        timeout_graceful_shutdown=1,
    )
    server = uvicorn.Server(config)
    try:
        listening = config.bind_socket()
    except SystemExit:
        print(f"market: {arguments.host}:{arguments.port} cannot be listened on; is it in use?", file=sys.stderr)
        sys.exit(2)
    listening.listen()  # so that whoever reads the line below can connect at once
    where = "{}:{}".format(*listening.getsockname()[:2])
    print(f"market: {source.label} at http://{where} ({', '.join(source.symbols)})", flush=True)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))  # uvicorn raises the signal again once it has shut down
    with suppress(KeyboardInterrupt):
        server.run(sockets=[listening])


def _source(arguments: argparse.Namespace) -> Source:
    if arguments.market == "simulated":
        symbols = tuple(dict.fromkeys((*SYMBOLS, *arguments.symbols)))
        return Simulated(arguments.seed, symbols, Regimes(arguments.regimes))
    return Recorded(Path(arguments.market))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m localstack.market", description=__doc__)
    parser.add_argument("--port", type=int, required=True, help="0 takes a free one and prints it")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--market", default="simulated", help="simulated, or a directory of SYMBOL*.parquet files")
    parser.add_argument("--seed", type=int, default=1, help="of the simulated market")
    parser.add_argument("--symbols", type=_symbols, default=(), help="more symbols to simulate: FOO-USDT,BAR-USDT")
    parser.add_argument("--regimes", type=Path, help="file that keeps the simulated market's regimes over a restart")
    return parser


def _symbols(text: str) -> tuple[str, ...]:
    symbols = tuple(part.strip() for part in text.split(","))
    if wrong := [symbol for symbol in symbols if not re.fullmatch(r"[A-Z0-9]{2,12}-[A-Z0-9]{2,12}", symbol)]:
        raise argparse.ArgumentTypeError(f"{wrong[0]!r} is not like BTC-USDT")
    return symbols


if __name__ == "__main__":
    main()
