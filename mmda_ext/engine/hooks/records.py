"""Small JSON files that a run leaves in its work directory."""

import json
import math
import os
from pathlib import Path
from typing import Any


def plain(value: Any) -> Any:
    """Reduce tensors, NumPy scalars and paths to what strict JSON can hold; NaN and infinity become words."""
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if hasattr(value, 'tolist'):
        return plain(value.tolist())
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, (bool, int, float, str)) or value is None:
        return value
    return str(value)


def write_text(path: str | Path, text: str) -> None:
    """Write a file so that a reader, or a run killed half-way, sees the old text or the new one."""
    path = Path(path)
    partial = path.with_name(f'{path.name}.partial')
    partial.write_text(text, encoding='utf-8')
    os.replace(partial, path)


def write_json(path: str | Path, record: dict[str, Any]) -> None:
    """Write ``record`` as indented JSON, whole or not at all."""
    write_text(path, json.dumps(plain(record), indent=2) + '\n')
