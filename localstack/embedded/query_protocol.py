"""AWS's Query protocol, by botocore's shapes: requests as flat form fields, responses as XML."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from xml.sax.saxutils import escape


def read(given: dict[str, list[str]], shape: Any, prefix: str = "") -> Any:
    """The value of a request's shape from its flat parameters (as parse_qs gives them); None where absent."""
    if shape.type_name == "structure":
        fields = {name: read(given, s, f"{prefix}.{name}".lstrip(".")) for name, s in shape.members.items()}
        return {name: value for name, value in fields.items() if value is not None} or None
    if shape.type_name == "list":
        items: list[Any] = []
        while (item := read(given, shape.member, f"{prefix}.member.{len(items) + 1}")) is not None:
            items.append(item)
        return items or None
    text = given.get(prefix, [None])[0]
    if text is None or shape.type_name == "string":
        return text
    convert: dict[str, Callable[[str], Any]] = {"boolean": "true".__eq__, "integer": int, "double": float}
    return convert.get(shape.type_name, str)(text)


def write(name: str, value: Any, shape: Any) -> str:
    """The XML element of this name that holds a response's value."""
    match shape.type_name:
        case "structure":
            known = [(n, value[n], s) for n, s in shape.members.items() if value.get(n) is not None]
            inner = "".join(write(*field) for field in known)
        case "list":
            inner = "".join(write("member", item, shape.member) for item in value)
        case "timestamp" if isinstance(value, int | float):
            inner = datetime.fromtimestamp(value, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        case "boolean":
            inner = str(value).lower()
        case _:
            inner = escape(str(value))
    return f"<{name}>{inner}</{name}>"
