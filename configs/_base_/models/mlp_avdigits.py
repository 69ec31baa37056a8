_base_ = ['./mlp_features.py']

model = dict(
    backbones=dict(
        image=dict(type='mmda_ext.MLPBackbone', in_channels=256, hidden_channels=(128, 64), dropout=0.2),
        audio=dict(type='mmda_ext.MLPBackbone', in_channels=1280, hidden_channels=(128, 64), dropout=0.2)),
    fusion=dict(
        type='mmda_ext.ConcatFusion', in_channels=dict(image=64, audio=64), hidden_channels=64, dropout=0.2),
    data_preprocessor=dict(preprocessors=dict(image=None, audio=None)))
