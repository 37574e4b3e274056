"""Experts that a checkpoint stacks, as llama.cpp has them: gate and up apart, matrices output by output, blocks of MXFP4 in ggml's order of halves of bytes."""
import math
import re

BLOCK = 32
LOWER, UPPER = bytes(byte & 15 for byte in range(256)), bytes(byte >> 4 for byte in range(256))
LOWER_RAISED, UPPER_RAISED = bytes((byte & 15) << 4 for byte in range(256)), bytes(byte & 0xF0 for byte in range(256))


def _either(a, b):
    """Byte by byte a or b."""
    return (int.from_bytes(a, "little") | int.from_bytes(b, "little")).to_bytes(len(a), "little")


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
        """Its bytes, in one piece."""
        out = bytearray(self.size)
        out[0::17] = self._scales
        for i in range(8):
            # As the checkpoint has them, two neighbours share a byte, the first in its lower half. Byte i of all blocks at once, and the one 16 inputs behind it.
            first, second = self._blocks[i::16], self._blocks[8 + i::16]
            out[1 + 2 * i::17] = _either(first.translate(LOWER), second.translate(LOWER_RAISED))
            out[2 + 2 * i::17] = _either(first.translate(UPPER), second.translate(UPPER_RAISED))
        yield bytes(out)


def _split(module):
    """Names of what a module becomes, and which of its outputs those are: the first, and from one to the next."""
    return (("ffn_down_exps", 0, 1),) if module == "down_proj" else (("ffn_gate_exps", 0, 2), ("ffn_up_exps", 1, 2))


def converted(tensors, take_turns=True):
    """(name, tensor) of what the tensors of experts become; those of other names are not looked at. Gate and up take turns and matrices lie input by input, or they are halves, output by output."""
    for name, tensor in tensors.items():
        found = re.fullmatch(r"model\.layers\.(\d+)\.mlp\.experts\.(gate_up_proj|down_proj)(_bias|_blocks|)", name)
        if found and not take_turns:
            yield from ((f"blk.{found[1]}.{module}.weight", tensor if module == "ffn_down_exps" else tensor.half(first)) for module, first, _ in _split(found[2]))
            continue
        for module, first, step in _split(found[2]) if found else ():
            if found[3] == "_bias":
                yield f"blk.{found[1]}.{module}.bias", tensor.every(first, step).widened()
            elif found[3] == "_blocks":
                scales = tensors[name.removesuffix("_blocks") + "_scales"]
                yield f"blk.{found[1]}.{module}.weight", Blocks(tensor.every(first, step), scales.every(first, step))
            else:
                yield f"blk.{found[1]}.{module}.weight", tensor.turned(first, step)
