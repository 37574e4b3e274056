// x A^T of every row with an adapter, as fp32 partial planes of 1,024 input columns: row by row, without tensor cores.
//
// Memory: a block per row; a warp takes 8 ranks of a chunk and reads each half cell as one line per lane group, the row's inputs from L1.
// Bytes per row: 2 inputs ranks of cells, read again for every row (lora_shrink.cuh reads them once per tile of rows). Operations: 2 inputs ranks.
// Order: lane 4 g + t sums columns 8 t .. 8 t + 7 of every half in one chain of fma, then the four lanes of a rank, neighbours first.
#pragma once
#include "../common/cells.cuh"

SRV_DEVICE float add_products(ptx::Vec4 x, ptx::Vec4 a, float sum) {
    const uint32_t inputs[4] = {x.x, x.y, x.z, x.w};
    const uint32_t weights[4] = {a.x, a.y, a.z, a.w};
    for (int i = 0; i < 4; i++) {
        sum = ptx::fma(ptx::low_bf16(inputs[i]), ptx::low_bf16(weights[i]), sum);
        sum = ptx::fma(ptx::high_bf16(inputs[i]), ptx::high_bf16(weights[i]), sum);
    }

    return sum;
}

// Eight ranks of a row over one chunk.
SRV_DEVICE void shrink_row(const srv_lora& lora, const CellTable& cells, const uint16_t* x, int row, int slice, int block, int chunk) {
    const int lane = static_cast<int>(ptx::lane());
    const int end = smaller((chunk + 1) * SRV_SHRINK_CHUNK, lora.input_width);
    float sum = 0;
    for (int column = chunk * SRV_SHRINK_CHUNK; column < end; column += 32) {
        const uint16_t* half = cells.cell(block, column / SRV_CELL_COLUMNS) + column % SRV_CELL_COLUMNS / 32 * (kCellElements / 2);
        sum = add_products(load_inputs(x, column + lane % 4 * 8, lora.input_width), ptx::load_16(half + lane * 8), sum);
    }

    sum += ptx::shuffle_xor(sum, 1);
    sum += ptx::shuffle_xor(sum, 2);
    if (lane % 4 == 0) {
        partial_row(lora, chunk, row, slice)[block * SRV_CELL_RANKS + lane / 4] = sum;
    }
}

SRV_KERNEL(srv_lora_shrink_plain, srv_shrink_params, 128) {
    const int rows = count_at(p.row_count);
    const int chunks = plane_count(p.lora);
    for (int row = static_cast<int>(ptx::block_index()); row < rows; row += static_cast<int>(ptx::block_count())) {
        const int slot = at<const int>(p.row_slots)[row];
        for (int slice = 0; slot >= 0 && slice < p.lora.slice_count; slice++) {
            const srv_lora_binding& binding = binding_of(p.lora, slot, slice);
            const CellTable cells = shrink_cells(p.lora, binding);
            for (int unit = static_cast<int>(ptx::warp()); unit < binding.rank_blocks * chunks; unit += 4) {
                shrink_row(p.lora, cells, row_of<const uint16_t>(p.input, row, p.input_stride), row, slice, unit / chunks, unit % chunks);
            }
        }
    }
}
