"What the tests run in several processes."
import os
import signal
import torch
from cityseg.core import logger
from cityseg.distributed import DistributedContext


def introduce(name: str):
    "Say who is there; the second process fails."
    context = DistributedContext()
    logger.warning(f'{context.rank} of {context.gather(context.rank)}: {name}')
    context.gather('said')   # a process that fails ends the others
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


def train_then_die(arguments: dict, out: str):
    "Train that network; then once more, and the second process is killed at its third batch."
    from cityseg import optimization, training   # which `introduce` does without

    def next_batch(loader, state, meter, out):
        if state.iteration == 2 and state.context.rank == 1:
            os.kill(os.getpid(), signal.SIGKILL)
        return real_next_batch(loader, state, meter, out)

    optimization.build_model = lambda run: Pixelwise()
    training.train_worker(**arguments)
    real_next_batch, training.next_batch = training.next_batch, next_batch
    training.train_worker(**{**arguments, 'out': out})
