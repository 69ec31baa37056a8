# Boomda: information bottleneck, pseudo labels by voting, and correlation alignment balanced in closed form.
# Start it from the direct transfer (`load_from`): pseudo labels of an untrained network make everything one class.
_base_ = ['./dt_slowfast_demo_cartoon-to-human.py']

train_dataloader = dict(
    batch_size=16,
    drop_last=False,
    batch_sampler=dict(type='mmda_ext.SourceTargetBatchSampler', n_source=8, n_target=8),
    dataset=dict(
        _delete_=True,
        type='mmengine.ConcatDataset',
        ignore_keys=['domains'],
        datasets=[
            _base_.train_dataloader.dataset,
            dict(_base_.train_dataloader.dataset, domains=_base_.target_domains, split='all', unlabeled_target=True),
        ]))
# The published strength is far too large for features of this width and batch: chosen from gradients of the source.
model = dict(
    objectives=[
        dict(type='mmda_ext.InformationBottleneck', beta=5e-4),
        dict(type='mmda_ext.VotingPseudoLabel', min_votes=3, loss_weight=0.5),
        dict(type='mmda_ext.CorrelationAlignment', alpha2='auto'),
    ])
optim_wrapper = dict(type='mmda_ext.BalancedOptimWrapper', balancer=dict(type='mmda_ext.MGDA', solver='closed_form'))
train_cfg = dict(max_epochs=5)
auto_scale_lr = dict(base_batch_size=16)
