#pragma once
#include "table.cuh"

// Ten words per thread, in the order of the functions in ptx.cuh.
SRV_KERNEL(ptx_where, PtxTableParams, 1024) {
    const uint32_t block = (ptx::block_index_z() * ptx::block_count_y() + ptx::block_index_y()) * ptx::block_count() + ptx::block_index();
    uint32_t* const out = p.out + (block * ptx::block_size() + ptx::thread_index()) * 10;
    out[0] = ptx::thread_index();
    out[1] = ptx::block_size();
    out[2] = ptx::lane();
    out[3] = ptx::warp();
    out[4] = ptx::block_index();
    out[5] = ptx::block_index_y();
    out[6] = ptx::block_index_z();
    out[7] = ptx::block_count();
    out[8] = ptx::block_count_y();
    out[9] = ptx::block_count_z();
}
