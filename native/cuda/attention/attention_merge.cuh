// The states of a row's splits, merged in ascending order: the second part of attention where contexts were given out in pieces.
//
// Memory: a warp per row and head, 4 bytes per lane. Bytes per row, head and split: 4 head_size read. Operations: 2 per element.
#pragma once
#include "attention_plain.cuh"

SRV_DEVICE RowState load_state(const float* from, int head_size) {
    const int lane = static_cast<int>(ptx::lane());
    RowState state = empty_state();
    state.maximum = from[0];
    state.sum = from[1];
    for (int i = 0; i < kLanePairs && 2 * lane + 64 * i < head_size; i++) {
        state.output[2 * i] = from[4 + 2 * lane + 64 * i];
        state.output[2 * i + 1] = from[5 + 2 * lane + 64 * i];
    }

    return state;
}

SRV_KERNEL(srv_attention_merge, srv_attention_params, 128) {
    const int rows = count_at(p.row_count);
    for (int row = static_cast<int>(ptx::block_index()); row < rows; row += static_cast<int>(ptx::block_count())) {
        const int first = at<const int>(p.row_partials)[row];
        const int splits = at<const int>(p.row_ordinals)[row] / SRV_ATTENTION_SPLIT + 1;
        for (int head = static_cast<int>(ptx::warp()); first >= 0 && head < p.head_count; head += 4) {
            RowState merged = empty_state();
            for (int split = 0; split < splits; split++) {
                merge_split(load_state(state_of(p, first + split, head), p.head_size), merged);
            }

            write_output(p, merged, row, head);
        }
    }
}
