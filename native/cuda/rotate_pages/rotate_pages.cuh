// Keys moved to other positions: a key turned by p and then by d is a key turned by p + d, with one more rounding to bf16. Values are copied.
//
// Memory: a unit is one layer of one page; a thread holds both elements of a pair.
// Bytes per page and layer: 4 tokens kv_heads head_size read and written; cosines and sines of one position stay in L1. Operations: 3 per element of the keys.
#pragma once
#include "../common/pages.cuh"
#include "../rope_append/rotate.cuh"

SRV_DEVICE void rotate_head_page(const srv_rotate_pages_params& p, const srv_page_rotation& by, int layer, int head) {
    const int distance = by.positions < 0 ? -by.positions : by.positions;
    const float* cosines = at<const float>(p.cosines) + static_cast<int64_t>(distance) * p.pair_count;
    const float* sines = at<const float>(p.sines) + static_cast<int64_t>(distance) * p.pair_count;
    const uint16_t* keys = page_head(p.pages, p.page_bytes, by.source, layer, 0, p.kv_head_count, head, p.head_size);
    uint16_t* to_keys = page_head(p.pages, p.page_bytes, by.destination, layer, 0, p.kv_head_count, head, p.head_size);
    const uint16_t* values = page_head(p.pages, p.page_bytes, by.source, layer, 1, p.kv_head_count, head, p.head_size);
    uint16_t* to_values = page_head(p.pages, p.page_bytes, by.destination, layer, 1, p.kv_head_count, head, p.head_size);
    const int thread = static_cast<int>(ptx::thread_index());
    for (int i = thread; i < by.tokens * p.pair_count; i += 256) {
        const int pair = i % p.pair_count;
        const int first = i / p.pair_count * p.head_size + pair;
        // Turning back is turning by the opposite angle.
        const float sine = by.positions < 0 ? -sines[pair] : sines[pair];
        const Turned turned = turn(ptx::from_bf16(keys[first]), ptx::from_bf16(keys[first + p.pair_count]), cosines[pair], sine);
        to_keys[first] = ptx::to_bf16(turned.first);
        to_keys[first + p.pair_count] = ptx::to_bf16(turned.second);
    }

    for (int i = thread; i < by.tokens * p.head_size; i += 256) {
        to_values[i] = values[i];
        if (i % p.head_size >= 2 * p.pair_count) {
            to_keys[i] = keys[i];
        }
    }
}

SRV_KERNEL(srv_rotate_pages, srv_rotate_pages_params, 256) {
    const int units = count_at(p.rotation_count) * p.layer_count;
    for (int unit = static_cast<int>(ptx::block_index()); unit < units; unit += static_cast<int>(ptx::block_count())) {
        const srv_page_rotation by = at<const srv_page_rotation>(p.rotations)[unit / p.layer_count];
        for (int head = 0; head < p.kv_head_count; head++) {
            rotate_head_page(p, by, unit % p.layer_count, head);
        }
    }
}
