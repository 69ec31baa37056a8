"""Where the face is: a slot for any detector, and three that need no further package."""

import importlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

# OpenCV's stubs lag behind its functions.
cv2: Any = importlib.import_module('cv2')

#: Gets an RGB picture ``(H, W, 3)``, uint8. Returns left, top, right, bottom in pixels; or, when it aligns faces
#: itself, the finished picture ``(h, w, 3)``; or None: no face.
Detector = Callable[[np.ndarray], Sequence[float] | np.ndarray | None]
BUILT_IN = ('center', 'haar', 'yunet:MODEL.onnx', 'module:function')


def find_detector(name: str) -> Detector:
    """Detector by name.

    Args:
        name (str): ``'center'``: the largest square in the middle; ``'haar'``: OpenCV's cascade, if this OpenCV still
            has one; ``'yunet:MODEL.onnx'``: OpenCV's FaceDetectorYN with a model file of the user;
            ``'module:function'``: anything importable of type ``Detector``.

    Raises:
        ValueError: If there is no such detector; the message says what is wrong.
    """
    if name == 'center':
        return center
    if name == 'haar':
        return _haar()
    module, _, function = name.partition(':')
    if not function:
        raise ValueError(f'detector {name!r} is unknown: use one of {BUILT_IN}')
    if module == 'yunet':
        return _yunet(function)
    try:
        found = getattr(importlib.import_module(module), function)
    except (ImportError, AttributeError) as error:
        raise ValueError(f'detector {name!r} cannot be imported ({error}): set PYTHONPATH to the folder of '
                         f'{module}.py') from error
    if not callable(found):
        raise ValueError(f'detector {name!r} is {found!r}, not a function of a picture')
    return found


def center(frame: np.ndarray) -> tuple[float, float, float, float]:
    """The largest square in the middle."""
    height, width = frame.shape[:2]
    side = min(height, width)
    left, top = (width - side) // 2, (height - side) // 2
    return left, top, left + side, top + side


def _haar() -> Detector:
    folder = getattr(getattr(cv2, 'data', None), 'haarcascades', '')
    file = Path(folder) / 'haarcascade_frontalface_default.xml'
    if not folder or not file.is_file():
        raise ValueError(f'detector \'haar\': this OpenCV ({cv2.__version__}) comes without {file.name}: use yunet, a '
                         'detector of your own, or OpenCV 4')
    cascade = cv2.CascadeClassifier(str(file))

    def detect(frame: np.ndarray) -> Sequence[float] | None:
        boxes = cascade.detectMultiScale(cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY), 1.1, 4, minSize=(32, 32))
        if not len(boxes):
            return None
        x, y, width, height = max(boxes, key=lambda box: box[2] * box[3])
        return float(x), float(y), float(x + width), float(y + height)

    return detect


def _yunet(model: str) -> Detector:
    if not Path(model).is_file():
        raise ValueError(f'detector \'yunet:{model}\': there is no file {model}: download face_detection_yunet from '
                         'OpenCV\'s model zoo')
    network = cv2.FaceDetectorYN.create(model, '', (320, 320))

    def detect(frame: np.ndarray) -> Sequence[float] | None:
        network.setInputSize((frame.shape[1], frame.shape[0]))
        _, faces = network.detect(np.ascontiguousarray(frame[..., ::-1]))
        if faces is None or not len(faces):
            return None
        x, y, width, height = max(faces, key=lambda face: face[-1])[:4]
        return float(x), float(y), float(x + width), float(y + height)

    return detect
