"""Models and tokenizers of the hub that lie on this machine."""

from pathlib import Path


def cached_folder(name: str) -> Path | None:
    """Folder of a model that was downloaded before, or None; asks no network.

    A name must not reach transformers for this: on the way to the cache, huggingface_hub 1.x reads a list from its
    server to describe the caller by (``utils/_detect_agent.py``), whatever ``local_files_only`` says.

    Args:
        name (str): Name on the hub, such as ``'microsoft/wavlm-base-plus'``.
    """
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HFValidationError, LocalEntryNotFoundError
    try:
        return Path(snapshot_download(name, local_files_only=True))
    # The first for what cannot be a name, such as a path with many parts.
    except (HFValidationError, LocalEntryNotFoundError):
        return None
