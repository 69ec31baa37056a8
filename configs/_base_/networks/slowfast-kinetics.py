# Video: SlowFast-R101 8x8; audio: ResNet-18; optical flow: SlowOnly-R50 8x8. Only the last stages train, as in the
# public protocol.
networks = dict(
    video=dict(
        backbone=dict(
            type='ResNet3dSlowFast',
            pretrained=None,
            resample_rate=4,
            speed_ratio=4,
            channel_ratio=8,
            slow_pathway=dict(
                type='resnet3d',
                depth=101,
                pretrained=None,
                lateral=True,
                fusion_kernel=7,
                conv1_kernel=(1, 7, 7),
                conv1_stride_t=1,
                pool1_stride_t=1,
                inflate=(0, 0, 1, 1),
                norm_eval=False),
            fast_pathway=dict(
                type='resnet3d',
                depth=101,
                pretrained=None,
                lateral=False,
                base_channels=8,
                conv1_kernel=(5, 7, 7),
                conv1_stride_t=1,
                pool1_stride_t=1,
                norm_eval=False)),
        channels=2304,
        pretrained='checkpoints/slowfast_r101_8x8x1_256e_kinetics400_rgb_20210218-0dd54025.pth',
        neck=dict(type='mmda_ext.PoolNeck', dropout=0.5),
        freeze=dict(trainable=['slow_path.layer4', 'fast_path.layer4'], norm='train'),
        preprocessor=dict(
            type='mmda_ext.ClipPreprocessor',
            mean=[123.675, 116.28, 103.53],
            std=[58.395, 57.12, 57.375],
            format_shape='NCTHW')),
    audio=dict(
        backbone=dict(
            type='mmda_ext.AudioResNet',
            checkpoint='checkpoints/vggsound_avgpool.pth.tar',
            audio_layer4_init='random'),
        channels=512,
        freeze=dict(trainable=['layer4'], norm='eval')),
    flow=dict(
        backbone=dict(
            type='ResNet3dSlowOnly',
            depth=50,
            pretrained=None,
            lateral=False,
            in_channels=2,
            conv1_kernel=(1, 7, 7),
            conv1_stride_t=1,
            pool1_stride_t=1,
            inflate=(0, 0, 1, 1),
            with_pool2=False,
            norm_eval=False),
        channels=2048,
        pretrained='checkpoints/slowonly_r50_8x8x1_256e_kinetics400_flow_20200704-6b384243.pth',
        neck=dict(type='mmda_ext.PoolNeck', dropout=0.5),
        freeze=dict(trainable=['layer4'], norm='train'),
        preprocessor=dict(type='mmda_ext.ClipPreprocessor', mean=[128, 128], std=[128, 128], format_shape='NCTHW')))
fusion = dict(hidden_channels=256, dropout=0.5)
