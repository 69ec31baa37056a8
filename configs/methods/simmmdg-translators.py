# SimMMDG, second stage: its translators alone, so that one may stand for a modality that is missing at test time.
# Start from a trained SimMMDG: --cfg-options load_from=work_dirs/.../best_....pth
#
# section: Multimodal domain generalization
# method: its second stage for a missing modality
# code: `CrossModalTranslation`, `trainable` of the recognizer
# needs: a trained SimMMDG
# differs: length and weight of the stage are unpublished
_base_ = ['./simmmdg.py']

_contrast, _translation, _splitting = _base_.model.objectives
model = dict(
    trainable=['objectives.1.translators'],
    objectives=[
        _contrast,
        dict(_translation, normalize=False, loss_weight=1.0, missing=[*_base_.modalities]),
        _splitting,
    ])
