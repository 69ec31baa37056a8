# SimMMDG, second stage: its translators alone, so that one may stand for a modality that is missing at test time.
# Start from a trained SimMMDG: --cfg-options load_from=work_dirs/.../best_....pth
# Written by tools/spread_recipes.py from features/simmmdg-translators_mlp_ravdess_to-actors01-06.py
_base_ = ['./simmmdg_slowfast_hac_to-human.py']

model = dict(
    trainable=['objectives.1.translators'],
    objectives=[
        _base_.simmmdg[0],
        dict(_base_.simmmdg[1], normalize=False, loss_weight=1.0, missing=['video', 'audio']),
        _base_.simmmdg[2],
    ])
