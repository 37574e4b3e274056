// The end of a fused qkv and RoPE and append, of rows one by one, whose deltas were made beside the base product: the bits of srv_finish_rope_append. For steps of few rows.
//
// Memory: a warp per row and head; its values stand in shared memory, as its lanes exchange them to turn. Four elements a lane are asked for before the first is used.
// Bytes per row and column: 4 read per plane, 4 of deltas, 2 written. Operations: 3 and up to 10.
#pragma once
#include "../rope_append/append_head.cuh"
#include "expand.cuh"
#include "row_delta.cuh"

constexpr int kHeadWarps = 4;
constexpr int kHeadLoads = 4;

// A head's product + bias + delta, by a warp.
SRV_DEVICE void finish_head(const srv_linear_params& p, int row, int column, int size, const float* delta, float* values) {
    for (int first = static_cast<int>(ptx::lane()); first < size; first += kHeadLoads * 32) {
        float own[kHeadLoads];
        SRV_UNROLL
        for (int j = 0; j < kHeadLoads; j++) {
            const int at = first + j * 32;
            if (at < size) {
                own[j] = finished_one(p, row, column + at, delta == nullptr ? 0.0f : delta[column + at], delta != nullptr);
            }
        }

        SRV_UNROLL
        for (int j = 0; j < kHeadLoads; j++) {
            if (first + j * 32 < size) {
                values[first + j * 32] = own[j];
            }
        }
    }
}

template <class Pages>
SRV_DEVICE void finish_rope_append_rows(const srv_finish_rope_params& p) {
    const int warp = static_cast<int>(ptx::warp());
    const int size = p.rope.head_size;
    const int heads = p.rope.head_count + 2 * p.rope.kv_head_count;
    float* values = reinterpret_cast<float*>(ptx::dynamic_shared()) + warp * size;
    const int rows = count_at(p.linear.row_count);
    ptx::await_producers();
    ptx::release_dependents();
    for (int row = static_cast<int>(ptx::block_index()); row < rows; row += static_cast<int>(ptx::block_count())) {
        for (int head = static_cast<int>(ptx::block_index_y()) * kHeadWarps + warp; head < heads; head += static_cast<int>(ptx::block_count_y()) * kHeadWarps) {
            const int slice = head < p.rope.head_count ? 0 : head < p.rope.head_count + p.rope.kv_head_count ? 1 : 2;
            finish_head(p.linear, row, head * size, size, row_delta(p.linear, row, slice), values);
            ptx::warp_sync();
            rope_append_head<Pages>(p.rope, values, row, head);
            ptx::warp_sync();
        }
    }
}

SRV_KERNEL(srv_finish_rope_append_rows, srv_finish_rope_params, 128) { finish_rope_append_rows<Bf16Pages>(p); }
SRV_KERNEL(srv_finish_rope_append_rows_int8, srv_finish_rope_params, 128) { finish_rope_append_rows<Int8Pages>(p); }
