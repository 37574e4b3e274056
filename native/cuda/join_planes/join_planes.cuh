// output[row] = the planes' rows side by side: logits that ranks have gathered from each other, each a part of the vocabulary.
//
// Memory: a block per row and 1,024 columns, 16 bytes per thread. Bytes per row and column: 4 read, 4 written. Operations: none.
#pragma once
#include "../sum_planes/sum_planes.cuh"

SRV_KERNEL(srv_join_planes, srv_join_planes_params, 256) {
    const int chunks = ceil_div(p.columns, kPlaneColumns);
    const int units = count_at(p.row_count) * chunks;
    for (int unit = static_cast<int>(ptx::block_index()); unit < units; unit += static_cast<int>(ptx::block_count())) {
        const int column = unit % chunks * kPlaneColumns + static_cast<int>(ptx::thread_index()) * 4;
        if (column < p.columns) {
            // A plane's width is a multiple of eight, so that no group of four lies in two.
            const srv_address plane = p.input + static_cast<srv_address>(column / p.input_stride) * p.plane_stride * sizeof(float);
            store_floats(row_of<float>(p.output, unit / chunks, p.output_stride) + column,
                load_floats(row_of<const float>(plane, unit / chunks, p.input_stride) + column % p.input_stride));
        }
    }
}
