# SimMMDG, second stage: its translators alone, so that one may stand for a modality that is missing at test time.
# Start from a trained SimMMDG: --cfg-options load_from=work_dirs/.../best_....pth
_base_ = ['./simmmdg_mlp_ravdess_to-actors01-06.py']

model = dict(
    trainable=['objectives.1.translators'],
    objectives=[
        _base_.simmmdg[0],
        dict(_base_.simmmdg[1], normalize=False, loss_weight=1.0, missing=['face', 'audio']),
        _base_.simmmdg[2],
    ])
