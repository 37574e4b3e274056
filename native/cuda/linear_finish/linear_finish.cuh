// product + bias + v B^T, then rounded, kept or added to the residual stream, on tensor cores.
//
// Memory: a unit is a tile of up to 64 rows of one adapter and 256 columns of a slice, 64 per warp: one cell per rank block, 32 bytes per lane straight into
// registers, asked for before anything else. v = round(scale Σ planes) of a pass stands in shared memory, padded so that the lanes of a load fall into different
// banks. Few registers and little shared memory let enough blocks on a multiprocessor that their short waits for memory fill each other.
// Bytes per unit: 512 ranks of cells per pass of 16 rows, 4 planes ranks of partial sums per row, 4 read and 2 or 4 written per row and column.
// Operations: 2 ranks per row and column.
// Product: the columns are the rows of m16n8k16, eight tokens its columns; a lane ends with eight neighbouring columns of two tokens.
// Order: ranks ascending from zero, 16 at a time; then (product + bias) + delta. A row's bits do not depend on the other rows of its tile.
#pragma once
#include "expand.cuh"

constexpr int kFinishTokens = 16;  // of one pass over the cells
constexpr int kFinishGroups = kFinishTokens / 8;

// A lane's eight columns of one token, one by one: where a slice ends, or its offset is no multiple of eight.
SRV_DEVICE void finish_columns(const srv_linear_params& p, int row, int column, const LaneDelta& delta, int count, bool adapted) {
    SRV_UNROLL
    for (int i = 0; i < 8; i++) {
        if (i < count) {
            finish_value(p, row, column + i, finished_one(p, row, column + i, delta.v[i], adapted));
        }
    }
}

// The same, 16 bytes at a time.
SRV_DEVICE void finish_eight(const srv_linear_params& p, int row, int column, const LaneDelta& delta, bool adapted) {
    SRV_UNROLL
    for (int part = 0; part < 8; part += 4) {
        Float4 value = finished_four(p, row, column, part, delta, adapted);
        if (p.mode == SRV_LINEAR_ROUND) {
            store_rounded(row_of<uint16_t>(p.output, row, p.output_stride) + column + part, value);
            continue;
        }

        float* to = row_of<float>(p.output, row, p.output_stride) + column + part;
        const Float4 before = p.mode == SRV_LINEAR_ACCUMULATE ? load_floats(to) : Float4{{0, 0, 0, 0}};
        SRV_UNROLL
        for (int i = 0; i < 4; i++) {
            value.v[i] = p.mode == SRV_LINEAR_ACCUMULATE ? before.v[i] + value.v[i] : value.v[i];
        }

        store_floats(to, value);
    }
}

SRV_DEVICE void finish_tokens(const srv_linear_params& p, const FinishWork& work, int first_token, const float (&delta)[kFinishGroups][4][4]) {
    const int lane = static_cast<int>(ptx::lane());
    const int within = work.column + lane / 4 * 8;
    SRV_UNROLL
    for (int n = 0; n < kFinishGroups; n++) {
        SRV_UNROLL
        for (int e = 0; e < 2; e++) {
            const int token = first_token + n * 8 + lane % 4 * 2 + e;
            if (token >= work.tile.row_count || within >= work.width) {
                continue;
            }

            const LaneDelta own = lane_delta(delta[n], e);
            const int row = work.tile.first_row + token;
            if (within + 8 <= work.width && (work.offset & 7) == 0) {
                finish_eight(p, row, work.offset + within, own, work.slice >= 0);
            } else {
                finish_columns(p, row, work.offset + within, own, smaller(8, work.width - within), work.slice >= 0);
            }
        }
    }
}

SRV_KERNEL(srv_linear_finish, srv_linear_params, 128) {
    uint16_t* v = reinterpret_cast<uint16_t*>(ptx::dynamic_shared());
    const srv_range range = *at<const srv_range>(p.tile_range);
    const int units = finish_units(p);
    for (int i = static_cast<int>(ptx::block_index()); i < range.count; i += static_cast<int>(ptx::block_count())) {
        const srv_row_tile tile = at<const srv_row_tile>(p.tiles)[range.first + i];
        for (int unit = static_cast<int>(ptx::block_index_y()); unit < units; unit += static_cast<int>(ptx::block_count_y())) {
            const FinishWork work = read_finish_work(p, tile, unit);
            for (int token = 0; token < tile.row_count; token += kFinishTokens) {
                float delta[1][kFinishGroups][4][4] = {};
                if (work.slice >= 0) {
                    expand_pass(p.lora, work, token, v, delta);
                }

                finish_tokens(p, work, token, delta[0]);
                if (work.slice >= 0) {
                    ptx::barrier();
                }
            }
        }
    }
}
