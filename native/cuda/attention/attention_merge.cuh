// The states of a row's splits, merged in ascending order: the second part of attention where contexts were given out in pieces. Splits before a row's window have no states.
//
// Memory: a warp per row and head, 8 bytes per lane; eight splits' states are asked for before the first of them is merged, as merging is a chain and reading need not be.
// Bytes per row, head and split: 4 head_size read. Operations: 2 per element.
#pragma once
#include "attention_plain.cuh"

constexpr int kMergeAhead = 8;

SRV_DEVICE RowState load_state(const float* from, int head_size) {
    const int lane = static_cast<int>(ptx::lane());
    RowState state = empty_state();
    const ptx::Vec2 softmax = ptx::load_8(from);
    state.maximum = ptx::as_float(softmax.x);
    state.sum = ptx::as_float(softmax.y);
    SRV_UNROLL
    for (int i = 0; i < kLanePairs; i++) {
        if (2 * lane + 64 * i < head_size) {
            const ptx::Vec2 pair = ptx::load_8(from + 4 + 2 * lane + 64 * i);
            state.output[2 * i] = ptx::as_float(pair.x);
            state.output[2 * i + 1] = ptx::as_float(pair.y);
        }
    }

    return state;
}

SRV_DEVICE void merge_head(const srv_attention_params& p, int row, int head, int first, int splits) {
    RowState merged = empty_state();
    for (int begin = 0; begin < splits; begin += kMergeAhead) {
        RowState states[kMergeAhead];
        SRV_UNROLL
        for (int i = 0; i < kMergeAhead; i++) {
            if (begin + i < splits) {
                states[i] = load_state(state_of(p, first + begin + i, head), p.head_size);
            }
        }

        SRV_UNROLL
        for (int i = 0; i < kMergeAhead; i++) {
            if (begin + i < splits) {
                merge_split(states[i], merged);
            }
        }
    }

    write_output(p, merged, row, head);
}

SRV_KERNEL(srv_attention_merge, srv_attention_params, 128) {
    const int rows = count_at(p.row_count);
    ptx::await_producers();
    ptx::release_dependents();
    for (int row = static_cast<int>(ptx::block_index()); row < rows; row += static_cast<int>(ptx::block_count())) {
        const int first = at<const int>(p.row_partials)[row];
        const int ordinal = at<const int>(p.row_ordinals)[row];
        const int skipped = oldest_of(p, ordinal) / SRV_ATTENTION_SPLIT;
        const int splits = ordinal / SRV_ATTENTION_SPLIT + 1 - skipped;
        int head = static_cast<int>(ptx::block_index_y()) * 4 + static_cast<int>(ptx::warp());
        for (; first >= 0 && head < p.head_count; head += 4 * static_cast<int>(ptx::block_count_y())) {
            merge_head(p, row, head, first + skipped, splits);
        }
    }
}
