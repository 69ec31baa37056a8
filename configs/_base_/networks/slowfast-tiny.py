# The networks of the protocol, small enough for a CPU; everything trains, from scratch.
networks = dict(
    video=dict(
        backbone=dict(
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
        channels=160,
        preprocessor=dict(
            type='mmda_ext.ClipPreprocessor',
            mean=[123.675, 116.28, 103.53],
            std=[58.395, 57.12, 57.375],
            format_shape='NCTHW')),
    audio=dict(backbone=dict(type='mmda_ext.AudioResNet', base_channels=8), channels=64))
fusion = dict(hidden_channels=64)
