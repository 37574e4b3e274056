// The end of a fused qkv and RoPE and append in one: product + bias + delta of whole heads, then norm, rotation, one rounding, q to its buffer and k, v to their
// page slots. The bits of srv_linear_finish and srv_rope_append after each other, without what one writes and the other reads.
//
// Memory: a unit is a tile of up to 64 rows of one adapter and 256 columns of a slice, whole heads; values of 16 rows stand in shared memory between the two
// halves of the work, first a warp per 64 columns, then a warp per head.
// Bytes per row and column: 4 read, 2 written; 2 ranks of cells per pass of 16 rows. Operations: 2 ranks and up to 10 per row and column.
#pragma once
#include "../rope_append/append_head.cuh"
#include "linear_finish.cuh"

constexpr int kHeadStride = kFinishColumns + 4;  // floats from token to token

SRV_DEVICE void store_values(const srv_linear_params& p, const FinishWork& work, int first_token, const float (&delta)[kFinishGroups][4][4], float* values) {
    const int lane = static_cast<int>(ptx::lane());
    const int within = work.column + lane / 4 * 8;
    SRV_UNROLL
    for (int n = 0; n < kFinishGroups; n++) {
        SRV_UNROLL
        for (int e = 0; e < 2; e++) {
            const int token = n * 8 + lane % 4 * 2 + e;
            if (first_token + token >= work.tile.row_count || within >= work.width) {
                continue;
            }

            const LaneDelta own = lane_delta(delta[n], e);
            const int row = work.tile.first_row + first_token + token;
            const int column = work.offset + within;
            float* to = values + token * kHeadStride + within % kFinishColumns;
            if (within + 8 <= work.width && (work.offset & 7) == 0) {
                store_floats(to, finished_four(p, row, column, 0, own, work.slice >= 0));
                store_floats(to + 4, finished_four(p, row, column, 4, own, work.slice >= 0));
                continue;
            }

            SRV_UNROLL
            for (int i = 0; i < 8; i++) {
                if (within + i < work.width) {
                    to[i] = finished_one(p, row, column + i, own.v[i], work.slice >= 0);
                }
            }
        }
    }
}

// The heads of a pass, dealt to the warps.
template <class Pages>
SRV_DEVICE void append_heads(const srv_rope_append_params& p, const FinishWork& work, int first_token, const float* values) {
    const int first_column = work.column / kFinishColumns * kFinishColumns;
    const int heads = smaller(kFinishColumns, work.width - first_column) / p.head_size;
    const int tokens = smaller(kFinishTokens, work.tile.row_count - first_token);
    for (int i = static_cast<int>(ptx::warp()); i < tokens * heads; i += 4) {
        const int head = (work.offset + first_column) / p.head_size + i % heads;
        rope_append_head<Pages>(p, values + i / heads * kHeadStride + i % heads * p.head_size, work.tile.first_row + first_token + i / heads, head);
    }
}

template <class Pages>
SRV_DEVICE void finish_rope_append(const srv_finish_rope_params& p) {
    const srv_linear_params& linear = p.linear;
    float* values = reinterpret_cast<float*>(ptx::dynamic_shared());
    uint16_t* v = reinterpret_cast<uint16_t*>(values + kFinishTokens * kHeadStride);
    const srv_range range = *at<const srv_range>(linear.tile_range);
    const int units = finish_units(linear);
    for (int i = static_cast<int>(ptx::block_index()); i < range.count; i += static_cast<int>(ptx::block_count())) {
        const srv_row_tile tile = at<const srv_row_tile>(linear.tiles)[range.first + i];
        for (int unit = static_cast<int>(ptx::block_index_y()); unit < units; unit += static_cast<int>(ptx::block_count_y())) {
            const FinishWork work = read_finish_work(linear, tile, unit);
            for (int token = 0; token < tile.row_count; token += kFinishTokens) {
                float delta[1][kFinishGroups][4][4] = {};
                if (work.slice >= 0) {
                    expand_pass(linear.lora, work, token, v, delta);
                }

                store_values(linear, work, token, delta[0], values);
                ptx::barrier();
                append_heads<Pages>(p.rope, work, token, values);
                ptx::barrier();
            }
        }
    }
}

SRV_KERNEL_OF_MANY(srv_finish_rope_append, srv_finish_rope_params, 128, 6) { finish_rope_append<Bf16Pages>(p); }
SRV_KERNEL_OF_MANY(srv_finish_rope_append_int8, srv_finish_rope_params, 128, 6) { finish_rope_append<Int8Pages>(p); }
