// product *= factor of the output, of rows of DoRA adapters: queued in steps that have one, between the base product and what ends the Linear.
//
// Memory: a block is a row and 512 columns of a slice; neighbouring threads take neighbouring columns, of which four are under way for each. Rows without factors cost a look at their slot.
// Bytes per row and column: 4 of factors, 8 per plane. Operations: 1 per plane.
// Order: planes are multiplied one by one and added by who reads them, as ever. A row's bits do not depend on the other rows.
#pragma once
#include "../common/cells.cuh"
#include "params.h"

constexpr int kScaleThreads = 128;
constexpr int kScaleLoads = 4;
constexpr int kScaleColumns = kScaleThreads * kScaleLoads;

// A thread's columns of a unit; those behind the last are left alone.
SRV_DEVICE void scale_columns(const srv_scale_outputs_params& p, const CellTable& cells, int row, int offset, int first, int width) {
    float factors[kScaleLoads];
    SRV_UNROLL
    for (int i = 0; i < kScaleLoads; i++) {
        const int column = first + i * kScaleThreads;
        factors[i] = column < width ? reinterpret_cast<const float*>(cells.cell(0, column / SRV_CELL_FACTORS))[column % SRV_CELL_FACTORS] : 0.0f;
    }

    float* product = row_of<float>(p.product, row, p.product_stride) + offset;
    for (int plane = 0; plane < p.planes; plane++) {
        float own[kScaleLoads];
        SRV_UNROLL
        for (int i = 0; i < kScaleLoads; i++) {
            const int column = first + i * kScaleThreads;
            own[i] = column < width ? product[column] : 0.0f;
        }

        SRV_UNROLL
        for (int i = 0; i < kScaleLoads; i++) {
            const int column = first + i * kScaleThreads;
            if (column < width) {
                product[column] = own[i] * factors[i];
            }
        }

        product += p.plane_stride;
    }
}

SRV_KERNEL(srv_scale_outputs, srv_scale_outputs_params, kScaleThreads) {
    static_assert(SRV_CELL_FACTORS * sizeof(float) == SRV_CELL_BYTES, "a cell is full of factors");
    const srv_lora& lora = p.lora;
    const int rows = count_at(p.row_count);
    for (int row = static_cast<int>(ptx::block_index()); row < rows; row += static_cast<int>(ptx::block_count())) {
        const int slot = at<const int>(p.row_slots)[row];
        if (slot < 0) {
            continue;
        }

        for (int slice = 0; slice < lora.slice_count; slice++) {
            const int run = at<const int>(p.factor_runs)[static_cast<int64_t>(slot) * lora.model_slices + lora.first_slice + slice];
            const int width = slice_width(lora, slice), offset = slice_offset(lora, slice);
            const int units = run > 0 ? ceil_div(width, kScaleColumns) : 0;
            const CellTable cells = {lora.pages, at<const int>(lora.runs) + run - 1, 0, lora.cells_per_page};
            for (int unit = static_cast<int>(ptx::block_index_y()); unit < units; unit += static_cast<int>(ptx::block_count_y())) {
                scale_columns(p, cells, row, offset, unit * kScaleColumns + static_cast<int>(ptx::thread_index()), width);
            }
        }
    }
}
