# Video, audio and optical flow: SlowOnly-R50 8x8 on flow beside the two of the base.
_base_ = ['./slowfast-r101_resnet18.py']

model = dict(
    backbones=dict(
        flow=dict(
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
            norm_eval=False)),
    pretrained=dict(flow='checkpoints/slowonly_r50_8x8x1_256e_kinetics400_flow_20200704-6b384243.pth'),
    necks=dict(flow=dict(type='mmda_ext.PoolNeck', dropout=0.5)),
    freeze=dict(flow=dict(trainable=['layer4'], norm='train')),
    fusion=dict(in_channels=dict(flow=2048)),
    data_preprocessor=dict(
        preprocessors=dict(
            flow=dict(type='mmda_ext.ClipPreprocessor', mean=[128, 128], std=[128, 128], format_shape='NCTHW'))))
