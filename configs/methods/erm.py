# ERM: the fused classification loss alone, of the networks that the dataset names. All methods begin here.
#
# section: Balancing strategies
# method: ERM: classification alone
# code: `MultimodalClsHead`: `models/heads/cls_head.py`
_base_ = ['{{$MMDA_DATASET:}}']

_used = {name: _base_.networks[name] for name in _base_.modalities}
model = dict(
    type='mmda_ext.MultimodalRecognizer',
    backbones={name: network['backbone'] for name, network in _used.items()},
    pretrained={name: network['pretrained'] for name, network in _used.items() if 'pretrained' in network},
    necks={name: network['neck'] for name, network in _used.items() if 'neck' in network},
    freeze={name: network['freeze'] for name, network in _used.items() if 'freeze' in network},
    fusion=dict(
        type='mmda_ext.ConcatFusion',
        in_channels={name: network['channels'] for name, network in _used.items()},
        **_base_.get('fusion', {})),
    cls_head=dict(type='mmda_ext.MultimodalClsHead', num_classes=_base_.num_classes),
    data_preprocessor=dict(
        type='mmda_ext.MultimodalDataPreprocessor',
        preprocessors={name: network.get('preprocessor') for name, network in _used.items()}))

# Found by search on source validation of the dataset; the methods after this one read them. Heads that serve training
# alone have the width of their papers by default.
strengths = _base_.get('strengths', {})
_heads = dict(hidden_channels=strengths['head_width']) if 'head_width' in strengths else {}

# What tools/benchmark.py searches for every method: a tenth to ten times the recipe's rate, DomainBed's weight decay.
search = {
    'optim_wrapper.optimizer.lr': dict(factor=10),
    'optim_wrapper.optimizer.weight_decay': dict(low=1e-6, high=1e-2, log=True)}
