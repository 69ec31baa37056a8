"""What the methods share: which parameters move, one session on one model, the samples in their order."""
