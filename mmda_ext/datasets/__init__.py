"""Data sets: one file each. Their samples have the form of docs/architecture.md."""

from mmda_ext.compat import fix_color_jitter, fix_numpy_aliases

fix_numpy_aliases()
fix_color_jitter()

# The fixes above must precede anything that reads or augments data.
from mmda_ext.datasets.epic_kitchens import EpicKitchensDataset  # noqa: E402
from mmda_ext.datasets.errors import MediaError  # noqa: E402
from mmda_ext.datasets.features import FeatureDataset  # noqa: E402
from mmda_ext.datasets.hac import HACDataset  # noqa: E402
from mmda_ext.datasets.iemocap import IEMOCAPDataset  # noqa: E402
from mmda_ext.datasets.msp_improv import MSPImprovDataset  # noqa: E402
from mmda_ext.datasets.multimodal_dataset import MultimodalDataset  # noqa: E402
from mmda_ext.datasets.table import TableDataset  # noqa: E402

__all__ = [
    'EpicKitchensDataset', 'FeatureDataset', 'HACDataset', 'IEMOCAPDataset', 'MSPImprovDataset', 'MediaError',
    'MultimodalDataset', 'TableDataset'
]
