// Deltas that are there already, for ends that take rows one by one.
#pragma once
#include "../common/cells.cuh"

// A row's deltas, which srv_lora_expand has made; null where it has no adapter, or one that leaves the slice alone: it adds nothing then, not even a zero.
SRV_DEVICE const float* row_delta(const srv_linear_params& p, int row, int slice) {
    const int slot = p.lora.slice_count > 0 ? at<const int>(p.row_slots)[row] : -1;
    return slot >= 0 && binding_of(p.lora, slot, slice).rank_blocks > 0 ? row_of<const float>(p.delta, row, p.delta_stride) : nullptr;
}
