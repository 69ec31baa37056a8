"""Real data that small machines train on: from a published file to the feature file that the recipes read."""

from mmda_ext.datasets.published import digits, flights, hydraulic, penguins, ravdess, watch
from mmda_ext.datasets.published.feature_set import FeatureSet, write_features

#: Name of each data set, which is that of its config, and what is known of it.
FEATURE_SETS: dict[str, FeatureSet] = {
    found.name: found for found in (
        watch.WATCH, hydraulic.HYDRAULIC, ravdess.RAVDESS, digits.DIGITS, flights.FLIGHTS, penguins.PENGUINS)}

__all__ = ['FEATURE_SETS', 'FeatureSet', 'write_features']
