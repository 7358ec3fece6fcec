"""Plain data, nested mappings and lists: made read-only, or flat."""

from collections.abc import Iterator, Mapping
from typing import Any


class FrozenDict(Mapping[str, Any]):
    """A read-only mapping of plain data; what lies in it is frozen as well (see `freeze`)."""

    def __init__(self, content: Mapping[str, Any] | None = None) -> None:
        self._content = {str(key): freeze(value) for key, value in (content or {}).items()}

    def __getitem__(self, key: str) -> Any:
        return self._content[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._content)

    def __len__(self) -> int:
        return len(self._content)

    def __hash__(self) -> int:
        return hash(frozenset(self._content.items()))

    def __repr__(self) -> str:
        return f"FrozenDict({self._content})"


def freeze(value: Any) -> Any:
    """Mappings become `FrozenDict`, lists become tuples, everything else stays."""
    if isinstance(value, Mapping):
        return FrozenDict(value)
    return tuple(map(freeze, value)) if isinstance(value, list | tuple) else value


def thaw(value: Any) -> Any:
    """The reverse of `freeze`: dicts and lists, for YAML, JSON and `hydra.utils.instantiate`."""
    if isinstance(value, Mapping):
        return {key: thaw(each) for key, each in value.items()}
    return [thaw(each) for each in value] if isinstance(value, list | tuple) else value


def flatten_keys(content: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Every value by its dotted key: `{"conv": {"reduction": 16}}` → `{"conv.reduction": 16}`."""
    flat: dict[str, Any] = {}
    for key, value in content.items():
        name = f"{prefix}{key}"
        nested = isinstance(value, Mapping) and not (value and all(str(each).isdigit() for each in value))  # by steps
        flat |= flatten_keys(value, f"{name}.") if nested else {name: thaw(value)}
    return flat
