"""IEMOCAP: two actors improvise and read in five sessions."""

from mmda_ext.datasets.emotion_dataset import EmotionDataset
from mmda_ext.registry import DATASETS


@DATASETS.register_module()
class IEMOCAPDataset(EmotionDataset):
    """Four emotions of ten speakers (Busso et al., *IEMOCAP*, 2008), in halves as source and target.

    Neutral, happy (with excited), sad and angry; 5531 utterances in the release. ``tools/data/prepare_iemocap.py``
    makes what this class reads. Arguments as :class:`EmotionDataset`.
    """
