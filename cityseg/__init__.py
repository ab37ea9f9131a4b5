"Semantic segmentation of Cityscapes: train, submit, film and inspect."
__version__ = "0.1.0"
