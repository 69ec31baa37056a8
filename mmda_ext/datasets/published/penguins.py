"""Penguins of three species: their sex, told from the bill, the body and the isotopes of the blood.

A domain is a species. The two birds of a nest share food and often the day of measurement: a nest trains or validates.
"""

import csv
import io
from pathlib import Path

import numpy as np

from mmda_ext.datasets.published.feature_set import Arrays, FeatureSet
from mmda_ext.datasets.published.package_file import PackageFile

WHEEL = PackageFile(
    'palmerpenguins==0.1.6', 'palmerpenguins-0.1.6-py3-none-any.whl',
    '5c3be9af84dd703a25f1aaeadeac6ac770cfd38c1620d00089f581c023129ee0')
MEMBER = 'palmerpenguins/data/penguins-raw.csv'
COLUMNS = {
    'bill': ('Culmen Length (mm)', 'Culmen Depth (mm)'),
    'body': ('Flipper Length (mm)', 'Body Mass (g)'),
    'isotopes': ('Delta 15 N (o/oo)', 'Delta 13 C (o/oo)'),
}
CLASSES = ('female', 'male')


def read_penguins(wheel: Path) -> Arrays:
    """Birds in the wheel of which sex and all six measurements are known.

    Args:
        wheel (Path): The pinned wheel.

    Returns:
        Arrays: ``bill``, ``body`` and ``isotopes``, each ``(324, 2)``; ``label``, ``domain``, ``classes``, and as
        ``group`` the nest.

    Raises:
        ValueError: If it is another file.
    """
    rows = list(csv.DictReader(io.StringIO(WHEEL.read(wheel, MEMBER)[0].decode())))
    needed = [column for columns in COLUMNS.values() for column in columns]
    rows = [row for row in rows
            if row['Sex'].lower() in CLASSES and all(row[name] not in ('', 'NA') for name in needed)]
    species = [row['Species'].split()[0].lower() for row in rows]
    arrays = {name: np.array([[row[column] for column in columns] for row in rows], dtype=np.float32)
              for name, columns in COLUMNS.items()}
    return arrays | {
        'label': np.array([CLASSES.index(row['Sex'].lower()) for row in rows]),
        'domain': np.array(species), 'classes': np.array(CLASSES),
        # N21A1 and N21A2 are the adults of nest 21, in whatever year.
        'group': np.array([f'{name} {row["Individual ID"].partition("A")[0]}'
                           for name, row in zip(species, rows, strict=True)])}


PENGUINS = FeatureSet(
    name='penguins',
    licence='CC0 (the data); MIT (the package palmerpenguins, in which they lie)',
    citation='K. B. Gorman, T. D. Williams, W. R. Fraser: Ecological sexual dimorphism and environmental variability '
             'within a community of Antarctic penguins (genus Pygoscelis). PLoS ONE 9(3), 2014',
    source=WHEEL,
    modalities={name: len(columns) for name, columns in COLUMNS.items()},
    counts={'adelie': 139, 'chinstrap': 67, 'gentoo': 118},
    classes=CLASSES,
    read=read_penguins)
