_base_ = ['./features.py']

num_classes = 10
dataset = dict(ann_file='data/av_digits/av_digits.npz', modalities=('image', 'audio'), flatten=True)
train_dataloader = dict(dataset=dataset)
val_dataloader = dict(dataset=dataset)
test_dataloader = dict(dataset=dataset)
