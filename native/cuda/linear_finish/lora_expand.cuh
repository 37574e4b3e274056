// delta = v B^T in fp32, beside the base product, for an end that then only adds it: the first half of srv_linear_finish, bit for bit.
//
// Memory: a unit is a tile of up to 64 rows of one adapter and 512 columns of a slice. A block learns in a chain of waits where its cells lie (tile, binding, run), so
// that it asks for much at once when it knows: up to eight rows take two cells of both rank blocks per lane, 16 KiB in a block, under way together with v's partial
// sums; more rows take the two cells one after the other, sixteen rows at a time, in the same registers.
// Tiles and slices without a delta are left alone: a block of theirs ends when it has read the binding.
// Bytes per unit: 1,024 ranks of cells per pass; 4 planes ranks of partial sums per row, 4 written per row and column. Operations: 2 ranks per row and column.
#pragma once
#include "expand.cuh"

constexpr int kExpandColumns = 512;
constexpr int kExpandTiles = kExpandColumns / 4 / SRV_CELL_COLUMNS;  // cells side by side of a warp
constexpr int kExpandTokens = 16;                                    // of a pass at most

// A warp's 64 columns of a pass.
template <int Groups>
SRV_DEVICE void store_delta(const srv_linear_params& p, const FinishWork& work, int first_token, const float (&delta)[Groups][4][4]) {
    const int lane = static_cast<int>(ptx::lane());
    const int within = work.column + lane / 4 * 8;
    SRV_UNROLL
    for (int n = 0; n < Groups; n++) {
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

// The same work, so many tiles of 64 columns further.
SRV_DEVICE FinishWork moved_by(FinishWork work, int tiles) {
    work.column += tiles * SRV_CELL_COLUMNS;
    return work;
}

// All rows of a tile, `Groups` times eight in a pass, `Tiles` times 64 columns a warp from work.column on.
template <int Tiles, int Groups>
SRV_DEVICE void expand_rows(const srv_linear_params& p, const FinishWork& work, uint16_t* v) {
    for (int token = 0; token < work.tile.row_count; token += Groups * 8) {
        float delta[Tiles][Groups][4][4] = {};
        expand_pass(p.lora, work, token, v, delta);
        SRV_UNROLL
        for (int tile = 0; tile < Tiles; tile++) {
            store_delta(p, moved_by(work, tile), token, delta[tile]);
        }

        ptx::barrier();
    }
}

SRV_KERNEL_OF_MANY(srv_lora_expand, srv_linear_params, 128, 6) {
    uint16_t* v = reinterpret_cast<uint16_t*>(ptx::dynamic_shared());
    const srv_range range = *at<const srv_range>(p.tile_range);
    const int units = finish_units(p, kExpandColumns);
    for (int i = static_cast<int>(ptx::block_index()); i < range.count; i += static_cast<int>(ptx::block_count())) {
        const srv_row_tile tile = at<const srv_row_tile>(p.tiles)[range.first + i];
        if (tile.slot < 0) {
            continue;
        }

        for (int unit = static_cast<int>(ptx::block_index_y()); unit < units; unit += static_cast<int>(ptx::block_count_y())) {
            const FinishWork work = read_finish_work(p, tile, unit, kExpandColumns);
            if (work.slice < 0) {
                continue;
            }

            if (tile.row_count <= 8) {
                expand_rows<kExpandTiles, 1>(p, work, v);
                continue;
            }

            for (int beside = 0; beside < kExpandTiles; beside++) {
                expand_rows<1, kExpandTokens / 8>(p, moved_by(work, beside), v);
            }
        }
    }
}
