// Sums and maxima over a warp or a block, by one tree that depends on the block's size only.
#pragma once
#include "memory.cuh"

SRV_DEVICE float warp_sum(float x) {
    for (uint32_t by = 16; by > 0; by /= 2) {
        x += ptx::shuffle_xor(x, by);
    }

    return x;
}

SRV_DEVICE float warp_max(float x) {
    for (uint32_t by = 16; by > 0; by /= 2) {
        const float other = ptx::shuffle_xor(x, by);
        x = other > x ? other : x;
    }

    return x;
}

// The sum of all threads' values, in every thread. scratch holds a float per warp; it may be used again after a barrier.
SRV_DEVICE float block_sum(float x, float* scratch) {
    x = warp_sum(x);
    if (ptx::lane() == 0) {
        scratch[ptx::warp()] = x;
    }

    ptx::barrier();
    float total = 0;
    for (uint32_t i = 0; i < ptx::block_size() / 32; i++) {
        total += scratch[i];
    }

    return total;
}

// The largest of all threads' values, in every thread.
SRV_DEVICE float block_max(float x, float* scratch) {
    x = warp_max(x);
    if (ptx::lane() == 0) {
        scratch[ptx::warp()] = x;
    }

    ptx::barrier();
    float largest = scratch[0];
    for (uint32_t i = 1; i < ptx::block_size() / 32; i++) {
        largest = scratch[i] > largest ? scratch[i] : largest;
    }

    return largest;
}

// The sum over lower lanes and this one.
SRV_DEVICE int warp_scan(int x) {
    const uint32_t lane = ptx::lane();
    for (uint32_t by = 1; by < 32; by *= 2) {
        const int lower = ptx::shuffle_index(x, lane >= by ? lane - by : lane);
        x += lane >= by ? lower : 0;
    }

    return x;
}

// The sum over lower threads and this one, and the sum over all. scratch holds an int per warp; it may be used again after a barrier.
SRV_DEVICE int block_scan(int x, int* scratch, int& total) {
    const int within = warp_scan(x);
    if (ptx::lane() == 31) {
        scratch[ptx::warp()] = within;
    }

    ptx::barrier();
    int before = 0;
    total = 0;
    for (uint32_t i = 0; i < ptx::block_size() / 32; i++) {
        before += i < ptx::warp() ? scratch[i] : 0;
        total += scratch[i];
    }

    return before + within;
}
