"What the tests start as processes of their own."
import os
import signal
import sys
import torch
from cityseg import optimization, store, training
from cityseg.core import logger
from cityseg.data import frames
from cityseg.distributed import DistributedContext


def introduce(name: str):
    "Say who is there; the second process fails."
    context = DistributedContext()
    logger.warning(f'{context.rank} of {context.gather(context.rank)}: {name}')
    if context.rank == 1:
        raise ValueError('nobody is at home')


class Pixelwise(torch.nn.Module):
    "A network without batch norm and dropout, which looks at single pixels."
    def __init__(self):
        super().__init__()
        self.encoder = torch.nn.Conv2d(3, 8, 3, padding=1)
        self.segmentation_head = torch.nn.Sequential(torch.nn.Conv2d(8, 19, 1))
        self.mean, self.std = (.5, .5, .5), (.2, .2, .2)
        self.config = {}

    def forward(self, x):
        return self.segmentation_head(self.encoder(x).relu())

    def save_pretrained(self, folder, **_):
        raise OSError('this network is never kept')


def train_pixelwise(**arguments):
    "Train that network."
    optimization.build_model = lambda run: Pixelwise()
    training.train_worker(**arguments)


def encode_until_killed(frame, seen=[], encode=store._encode_frame):
    "Encode frames, and be killed at the fifth; five more of them go into the estimate of disk space."
    seen.append(frame)
    if len(seen) > 9:
        os.kill(os.getpid(), signal.SIGKILL)
    return encode(frame)


def pack_city(how: str, city: str, out: str):
    "Pack the train split of a city; `how`: plain, or killed on the way, with a manifest after each frame."
    if how == 'killed':
        store._encode_frame = encode_until_killed
        store.time.monotonic = iter(range(0, 10**6, 100)).__next__
    store.pack(frames(city, 'train'), out, workers=1 if how == 'killed' else None)


if __name__ == '__main__':
    pack_city(*sys.argv[1:])
