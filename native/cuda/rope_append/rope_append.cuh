// [q | k | v] in fp32 → heads normed where the model does, turned by the row's position, rounded once: q to its buffer, k and v to the row's page slot.
//
// Memory: a warp per head; lanes hold neighbouring elements, so that loads and stores of a warp are whole lines. Two elements per lane and step, both of a pair.
// Bytes per row: 4 read and 2 written per element of [q | k | v], of keys and values that become integers 1, and read twice; cosines and sines stay in L1.
// Operations: 6 per element, 4 more where heads are normed.
#pragma once
#include "append_head.cuh"

template <class Pages>
SRV_DEVICE void rope_append_rows(const srv_rope_append_params& p) {
    const int heads = p.head_count + 2 * p.kv_head_count;
    const int units = count_at(p.row_count) * heads;
    const int warps = static_cast<int>(ptx::block_count()) * 4;
    for (int unit = static_cast<int>(ptx::block_index()) * 4 + static_cast<int>(ptx::warp()); unit < units; unit += warps) {
        const int row = unit / heads;
        const int head = unit % heads;
        rope_append_head<Pages>(p, row_of<const float>(p.input, row, p.input_stride) + head * p.head_size, row, head);
    }
}

SRV_KERNEL(srv_rope_append, srv_rope_append_params, 128) { rope_append_rows<Bf16Pages>(p); }
SRV_KERNEL(srv_rope_append_int8, srv_rope_append_params, 128) { rope_append_rows<Int8Pages>(p); }
