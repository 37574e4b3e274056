"""gpt-oss's experts as llama.cpp has them: gate and up apart, matrices output by output, blocks of MXFP4 in ggml's order of halves of bytes."""
import math
import re

BLOCK = 32


class Blocks:
    """MXFP4: of 32 inputs the scale's exponent, then 16 bytes of which the lower halves are the first 16 inputs."""

    element = "MXFP4"

    def __init__(self, blocks, scales):
        self.shape = [*blocks.shape[:-2], blocks.shape[-2] * BLOCK]
        self._blocks, self._scales = blocks.data, scales.data

    @property
    def size(self):
        """Its bytes."""
        return math.prod(self.shape) // BLOCK * 17

    def pieces(self):
        """Its bytes, block by block."""
        for i, scale in enumerate(self._scales):
            # As the checkpoint has them, two neighbours share a byte, the first in its lower half.
            codes = [code for byte in self._blocks[16 * i:16 * (i + 1)] for code in (byte & 15, byte >> 4)]
            yield bytes((scale, *(codes[j] | codes[16 + j] << 4 for j in range(16))))


def _split(module):
    """Names of what a module becomes, and which of its outputs those are: the first, and from one to the next."""
    return (("ffn_down_exps", 0, 1),) if module == "down_proj" else (("ffn_gate_exps", 0, 2), ("ffn_up_exps", 1, 2))


def converted(tensors):
    """(name, tensor) of what the tensors of experts become; those of other names are not looked at."""
    for name, tensor in tensors.items():
        found = re.fullmatch(r"model\.layers\.(\d+)\.mlp\.experts\.(gate_up_proj|down_proj)(_bias|_blocks|)", name)
        for module, first, step in _split(found[2]) if found else ():
            if found[3] == "_bias":
                yield f"blk.{found[1]}.{module}.bias", tensor.every(first, step).widened()
            elif found[3] == "_blocks":
                scales = tensors[name.removesuffix("_blocks") + "_scales"]
                yield f"blk.{found[1]}.{module}.weight", Blocks(tensor.every(first, step), scales.every(first, step))
            else:
                yield f"blk.{found[1]}.{module}.weight", tensor.turned(first, step)
