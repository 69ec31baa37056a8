# Another video backbone of MMAction2 in two lines: what it is, and how wide its features are.
_base_ = ['../demo/gmp_slowfast_demo_to-human.py']

model = dict(
    backbones=dict(video=dict(_delete_=True, type='X3D', gamma_w=1, gamma_b=2.25, gamma_d=2.2)),
    fusion=dict(in_channels=dict(video=432)))
