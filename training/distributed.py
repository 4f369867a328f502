"""One training on several processes (torchrun): equal shares of every batch, and a batch norm over
the whole batch.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypeVar, cast

import torch
import torch.distributed as dist
from torch import Tensor, nn
from typing_extensions import override

T = TypeVar("T")
TIMEOUT = timedelta(days=1)  # the others wait while the first process fills the cache


@dataclass(frozen=True, kw_only=True)
class ProcessGroup:
    """The rank of this process, and the number of processes."""

    rank: int = 0
    size: int = 1

    @property
    def is_first(self) -> bool:
        return self.rank == 0

    def barrier(self) -> None:
        """Wait until all processes are here."""
        if self.size > 1:
            dist.barrier()

    def from_first(self, make: Callable[[], T]) -> T:
        """What the first process makes, in all processes; the others wait for it."""
        values = [make()] if self.is_first else [None]
        if self.size > 1:
            dist.broadcast_object_list(values)
        return cast("T", values[0])

    def gather(self, value: Any) -> list[Any]:
        """The values of all processes, by rank."""
        if self.size == 1:
            return [value]
        values: list[Any] = [None] * self.size
        dist.all_gather_object(values, value)
        return values


@contextmanager
def joined(device: str) -> Iterator[ProcessGroup]:
    """The group of the processes that torchrun started (its environment says so); without torchrun
    a group of one.
    """
    if "WORLD_SIZE" not in os.environ:
        yield ProcessGroup()
        return
    if device == "cuda":
        torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
    dist.init_process_group("nccl" if device == "cuda" else "gloo", timeout=TIMEOUT)
    try:
        yield ProcessGroup(rank=dist.get_rank(), size=dist.get_world_size())
    finally:
        dist.destroy_process_group()


class _Sum(torch.autograd.Function):
    """The sum over all processes. Its gradient is summed, too, since the loss of every process
    depends on the values of all.
    """

    @staticmethod
    @override
    def forward(_ctx: Any, values: Tensor) -> Tensor:
        total = values.clone()
        dist.all_reduce(total)
        return total

    @staticmethod
    @override
    def backward(_ctx: Any, gradient: Tensor) -> Tensor:
        total = gradient.clone()
        dist.all_reduce(total)
        return total


def sum_of_all(values: Tensor) -> Tensor:
    """The sum over all processes, differentiable."""
    total: Tensor = _Sum.apply(values)  # type: ignore[no-untyped-call]  # torch has no types here
    return total


class SharedBatchNorm2d(nn.BatchNorm2d):
    """Batch norm over the batches of all processes; unlike torch's SyncBatchNorm on a CPU, too."""

    @override
    def forward(self, x_BCYX: Tensor) -> Tensor:
        if not self.training:
            own: Tensor = super().forward(x_BCYX)
            return own
        values_BCYX = x_BCYX.float()
        count = values_BCYX[:, 0].numel() * dist.get_world_size()
        mean_C = sum_of_all(values_BCYX.sum(dim=(0, 2, 3))) / count
        centred_BCYX = values_BCYX - mean_C[:, None, None]
        variance_C = sum_of_all(centred_BCYX.square().sum(dim=(0, 2, 3))) / count
        self._update_running(mean_C.detach(), variance_C.detach() * count / (count - 1))
        scale_C = self.weight * torch.rsqrt(variance_C + self.eps)
        scaled_BCYX: Tensor = centred_BCYX * scale_C[:, None, None] + self.bias[:, None, None]
        return scaled_BCYX.to(x_BCYX.dtype)

    def _update_running(self, mean_C: Tensor, variance_C: Tensor) -> None:
        """The running mean and variance, as nn.BatchNorm2d updates them."""
        if (
            self.running_mean is None
            or self.running_var is None
            or self.num_batches_tracked is None
        ):
            return
        self.running_mean.lerp_(mean_C, self.momentum or 0.0)
        self.running_var.lerp_(variance_C, self.momentum or 0.0)
        self.num_batches_tracked.add_(1)


def share_batch_norm(network: nn.Module) -> None:
    """Put a SharedBatchNorm2d in place of every batch norm; names and values stay."""
    for name, child in network.named_children():
        if isinstance(child, nn.BatchNorm2d):
            shared = SharedBatchNorm2d(child.num_features, eps=child.eps, momentum=child.momentum)
            shared.load_state_dict(child.state_dict())
            setattr(network, name, shared)
        else:
            share_batch_norm(child)
