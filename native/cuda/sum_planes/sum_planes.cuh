// output[row] = Σ planes' rows, or += it: a rank's chunks of x Aᵀ, and what ranks have gathered from each other, added up in one order whatever their number of rows.
//
// Memory: a block per row and 1,024 columns, 16 bytes per thread and plane. Bytes per row and column: 4 planes read, 4 written (8 where accumulated).
// Operations: planes. Order: planes ascending from the first; then output + sum.
#pragma once
#include "../common/memory.cuh"

constexpr int kPlaneColumns = 1024;

SRV_KERNEL(srv_sum_planes, srv_sum_planes_params, 256) {
    const int chunks = ceil_div(p.columns, kPlaneColumns);
    const int units = count_at(p.row_count) * chunks;
    for (int unit = static_cast<int>(ptx::block_index()); unit < units; unit += static_cast<int>(ptx::block_count())) {
        const int column = unit % chunks * kPlaneColumns + static_cast<int>(ptx::thread_index()) * 4;
        const float* from = row_of<const float>(p.input, unit / chunks, p.input_stride) + column;
        float* to = row_of<float>(p.output, unit / chunks, p.output_stride) + column;
        if (column >= p.columns) {
            continue;
        }

        // Rows are padded to whole groups of eight, which hold nothing but are there.
        Float4 sum = load_floats(from);
        for (int plane = 1; plane < p.planes; plane++) {
            const Float4 next = load_floats(from + static_cast<int64_t>(plane) * static_cast<int64_t>(p.plane_stride));
            SRV_UNROLL
            for (int i = 0; i < 4; i++) {
                sum.v[i] += next.v[i];
            }
        }

        const Float4 before = p.accumulate != 0 ? load_floats(to) : Float4{{0, 0, 0, 0}};
        SRV_UNROLL
        for (int i = 0; i < 4; i++) {
            sum.v[i] = p.accumulate != 0 ? before.v[i] + sum.v[i] : sum.v[i];
        }

        store_floats(to, sum);
    }
}
