// delta = v B^T in fp32, for an end that reads it row by row (finish_rms_norm.cuh): the first half of srv_linear_finish, bit for bit, beside the base product.
//
// Memory: a unit is a tile of up to 64 rows of one adapter and 256 columns of a slice, as in linear_finish.cuh. Tiles without a delta are left alone.
// Bytes per unit: 512 ranks of cells per pass of 16 rows, 4 planes ranks of partial sums per row, 4 written per row and column. Operations: 2 ranks per row and
// column.
#pragma once
#include "linear_finish.cuh"

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

SRV_KERNEL(srv_lora_expand, srv_linear_params, 128) {
    uint16_t* v = reinterpret_cast<uint16_t*>(ptx::dynamic_shared());
    const srv_range range = *at<const srv_range>(p.tile_range);
    const int units = finish_units(p);
    for (int i = static_cast<int>(ptx::block_index()); i < range.count; i += static_cast<int>(ptx::block_count())) {
        const srv_row_tile tile = at<const srv_row_tile>(p.tiles)[range.first + i];
        for (int unit = static_cast<int>(ptx::block_index_y()); unit < units; unit += static_cast<int>(ptx::block_count_y())) {
            const FinishWork work = read_finish_work(p, tile, unit);
            for (int token = 0; token < tile.row_count && work.slice >= 0; token += kFinishTokens) {
                float delta[kFinishGroups][4][4] = {};
                const CellPair cells = first_cells(p.lora, work);
                load_values(p.lora, work, token, kFinishTokens, v);
                ptx::barrier();
                if (work.column < work.width) {
                    expand_tile(p.lora, work, cells, v, token, delta);
                    store_delta(p, work, token, delta);
                }

                ptx::barrier();
            }
        }
    }
}
