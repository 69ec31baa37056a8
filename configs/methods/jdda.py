# JDDA, instance form: CORAL as a mean of squares, and pairs of source samples close within a class, apart between.
#
# section: Adaptation
# method: [JDDA](methods/jdda.md), Chen et al., AAAI 2019
# code: `JDDA`: `models/objectives/jdda.py`
# needs: source labels
# keeps: centres, in their form
# differs: squared distances, as the code
_base_ = ['../_base_/adaptation.py']

_n = _base_.train_dataloader.get('batch_sampler', {}).get('n_source', _base_.train_dataloader.batch_size)
model = dict(
    objectives=[
        *_base_.model.objectives,
        dict(type='mmda_ext.CorrelationAlignment', alpha2=8.0, normalize='mean', objectives='fused'),
        # The public code has 0.03, on a mean over pairs of n source samples that it divides by n^2 once more.
        dict(type='mmda_ext.JDDA', num_classes=_base_.num_classes, loss_weight=0.03 / _n**2),
    ])
