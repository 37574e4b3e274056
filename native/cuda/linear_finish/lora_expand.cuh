// delta = v B^T in fp32, for an end that reads it row by row: the first half of srv_linear_finish, bit for bit, beside the base product.
//
// Memory: a unit is a tile of up to 64 rows of one adapter and 1,024 columns of a slice, in four steps of 256, 64 per warp as in linear_finish.cuh. What a tile's cells are found by
// is a chain of waits, and so is v: a unit walks it once. While a step is multiplied the next one's cells are on their way. Tiles without a delta are left alone.
// Bytes per unit: 2 KiB ranks of cells per pass of 16 rows, 4 planes ranks of partial sums per row, 4 written per row and column. Operations: 2 ranks per row and
// column.
#pragma once
#include "linear_finish.cuh"

constexpr int kExpandSteps = 4;
constexpr int kExpandColumns = kExpandSteps * kFinishColumns;

SRV_DEVICE void store_delta(const srv_linear_params& p, const FinishWork& work, int first_token, const float (&delta)[kFinishGroups][4][4]) {
    const int lane = static_cast<int>(ptx::lane());
    const int within = work.column + lane / 4 * 8;
    SRV_UNROLL
    for (int n = 0; n < kFinishGroups; n++) {
        SRV_UNROLL
        for (int e = 0; e < 2; e++) {
            const int token = first_token + n * 8 + lane % 4 * 2 + e;
            const LaneDelta own = lane_delta(delta[n], e);
            float* to = row_of<float>(p.output, work.tile.first_row + token, p.output_stride) + work.offset + within;
            const int count = token < work.tile.row_count ? work.width - within : 0;
            if (count >= 8 && (work.offset & 7) == 0) {
                store_floats(to, {{own.v[0], own.v[1], own.v[2], own.v[3]}});
                store_floats(to + 4, {{own.v[4], own.v[5], own.v[6], own.v[7]}});
                continue;
            }

            SRV_UNROLL
            for (int i = 0; i < 8; i++) {
                if (i < count) {
                    to[i] = own.v[i];
                }
            }
        }
    }
}

// The tokens of a pass over all steps of a unit; v holds theirs, `cells` the first cells of the first step.
SRV_DEVICE void expand_steps(const srv_linear_params& p, FinishWork work, CellPair cells, const uint16_t* v, int first_token) {
    for (int step = 0; step < kExpandSteps && work.column < work.width; step++) {
        FinishWork next = work;
        next.column += kFinishColumns;
        const CellPair next_cells = step + 1 < kExpandSteps ? first_cells(p.lora, next) : CellPair{};
        float delta[kFinishGroups][4][4] = {};
        expand_tile(p.lora, work, cells, v, first_token, delta);
        store_delta(p, work, first_token, delta);
        work = next;
        cells = next_cells;
    }
}

SRV_KERNEL(srv_lora_expand, srv_linear_params, 128) {
    uint16_t* v = reinterpret_cast<uint16_t*>(ptx::dynamic_shared());
    const srv_range range = *at<const srv_range>(p.tile_range);
    const int units = finish_units(p, kExpandColumns);
    for (int i = static_cast<int>(ptx::block_index()); i < range.count; i += static_cast<int>(ptx::block_count())) {
        const srv_row_tile tile = at<const srv_row_tile>(p.tiles)[range.first + i];
        for (int unit = static_cast<int>(ptx::block_index_y()); unit < units; unit += static_cast<int>(ptx::block_count_y())) {
            const FinishWork work = read_finish_work(p, tile, unit, kExpandColumns);
            for (int token = 0; token < tile.row_count && work.slice >= 0; token += kFinishTokens) {
                const CellPair cells = first_cells(p.lora, work);
                load_values(p.lora, work, token, kFinishTokens, v);
                ptx::barrier();
                expand_steps(p, work, cells, v, token);
                ptx::barrier();
            }
        }
    }
}
