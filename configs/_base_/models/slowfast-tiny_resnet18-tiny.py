# The networks of the protocol, small enough for a CPU; everything trains, from scratch.
model = dict(
    type='mmda_ext.MultimodalRecognizer',
    backbones=dict(
        video=dict(
            type='ResNet3dSlowFast',
            pretrained=None,
            resample_rate=4,
            speed_ratio=4,
            channel_ratio=4,
            slow_pathway=dict(
                type='resnet3d',
                depth=18,
                pretrained=None,
                lateral=True,
                base_channels=16,
                conv1_kernel=(1, 7, 7),
                conv1_stride_t=1,
                pool1_stride_t=1,
                inflate=(0, 0, 1, 1),
                norm_eval=False),
            fast_pathway=dict(
                type='resnet3d',
                depth=18,
                pretrained=None,
                lateral=False,
                base_channels=4,
                conv1_kernel=(5, 7, 7),
                conv1_stride_t=1,
                pool1_stride_t=1,
                norm_eval=False)),
        audio=dict(type='mmda_ext.AudioResNet', base_channels=8)),
    fusion=dict(
        type='mmda_ext.ConcatFusion', in_channels=dict(video=160, audio=64), hidden_channels=64),
    cls_head=dict(type='mmda_ext.MultimodalClsHead'),
    data_preprocessor=dict(
        type='mmda_ext.MultimodalDataPreprocessor',
        preprocessors=dict(
            video=dict(
                type='mmda_ext.ClipPreprocessor',
                mean=[123.675, 116.28, 103.53],
                std=[58.395, 57.12, 57.375],
                format_shape='NCTHW'),
            audio=dict(type='mmda_ext.TensorPreprocessor'))))
