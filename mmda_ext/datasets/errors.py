"""The one exception that says: this file cannot be used, the program is fine."""

import sys

#: Keys of a modality's nested dict that name files or folders.
FILE_KEYS = ('filename', 'filenames', 'frame_dir', 'audio_path', 'array_path')
#: Modules that raise exceptions of their own, and the exceptions; looked up only when already imported.
FOREIGN = {'decord': ('DECORDError', ), 'av': ('FFmpegError', ), 'soundfile': ('SoundFileError', )}


class MediaError(RuntimeError):
    """A media file is missing, empty, truncated or corrupt.

    Training draws another sample instead, testing stops (:class:`mmda_ext.datasets.MultimodalDataset`). Everything
    else that a transform raises is a fault of the program or the config and is never swallowed.

    Args:
        path (str): The file.
        reason (str): What is wrong with it and what to do.
    """

    # One argument is allowed because torch rebuilds a worker's exception from its message.
    def __init__(self, path: str, reason: str = '') -> None:
        super().__init__(path, reason)
        self.path = str(path)
        self.reason = reason

    def __str__(self) -> str:
        return f'{self.path}: {self.reason}' if self.reason else self.path


def media_exceptions(*more: type[Exception]) -> tuple[type[Exception], ...]:
    """Exceptions by which the decoders in use report a bad file, and more."""
    found: list[type[Exception]] = [OSError, EOFError, *more]
    for module, names in FOREIGN.items():
        loaded = sys.modules.get(module)
        found += [getattr(loaded, name) for name in names if hasattr(loaded, name)]
    return tuple(found)


def reports_bad_file(error: Exception) -> bool:
    """Whether an exception comes from a decoder, by its type or by the module that raised it.

    decord raises a plain ``RuntimeError`` for a file that is not a video; the same from any other place is a fault.
    """
    if isinstance(error, media_exceptions()):
        return True
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    module = trace.tb_frame.f_globals.get('__name__', '') if trace is not None else ''
    return module.partition('.')[0] in FOREIGN
