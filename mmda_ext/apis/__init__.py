"""What the command line tools share, and a trained model from Python.

``init_recognizer``, ``MMDAInferencer`` and ``extract_features`` are loaded when they are asked for.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mmda_ext.apis.feature_extraction import extract_features
    from mmda_ext.apis.inference import MMDAInferencer
    from mmda_ext.apis.recognizers import init_recognizer

__all__ = ['MMDAInferencer', 'extract_features', 'init_recognizer']
_PLACES = {'MMDAInferencer': 'inference', 'extract_features': 'feature_extraction', 'init_recognizer': 'recognizers'}


def __getattr__(name: str) -> Any:
    if name not in _PLACES:
        raise AttributeError(f'module {__name__!r} has no attribute {name!r}')
    return getattr(import_module(f'{__name__}.{_PLACES[name]}'), name)
