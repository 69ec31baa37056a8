"""MSP-IMPROV: pairs of actors improvise in six sessions."""

from mmda_ext.datasets.emotion_dataset import EmotionDataset
from mmda_ext.registry import DATASETS


@DATASETS.register_module()
class MSPImprovDataset(EmotionDataset):
    """Four emotions of twelve speakers (Busso et al., *MSP-IMPROV*, IEEE TAC 2017), in halves as source and target.

    Neutral, happy, sad and angry; 3819 utterances in the usual selection. ``tools/data/prepare_msp_improv.py`` makes
    what this class reads. Arguments as :class:`EmotionDataset`.
    """
