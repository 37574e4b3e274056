// Weights that the next product reads first, brought to L2 while kernels run that leave the memory alone.
//
// Memory: a request per line of 128 bytes, of every row the first bytes of each segment: a product's blocks have rows of their own and all begin at the front, those
// that share a sum at the front of their part of it. Nothing waits for what is asked for, and nothing depends on it.
// Bytes: those asked for. Operations: none.
#pragma once
#include "../common/memory.cuh"

constexpr int kLineBytes = 128;

SRV_KERNEL(srv_prefetch, srv_prefetch_params, 256) {
    const int lines = p.rows * p.segments * p.lines;
    for (int i = static_cast<int>(ptx::block_index()) * 256 + static_cast<int>(ptx::thread_index()); i < lines; i += static_cast<int>(ptx::block_count()) * 256) {
        const int line = i % p.lines;
        const int segment = i / p.lines % p.segments;
        const int row = i / (p.lines * p.segments);
        ptx::prefetch_l2(at<const uint8_t>(p.weight) + static_cast<int64_t>(row) * p.row_bytes + segment * p.segment_bytes + line * kLineBytes);
    }
}
