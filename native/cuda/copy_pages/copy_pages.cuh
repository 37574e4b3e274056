// Keys and values of the first slots of pages, copied over all layers.
//
// Memory: a unit is one layer of all copies; a thread moves the same offset of the page for one copy after the other, so that a copy may read what an
// earlier one wrote. 16 bytes per thread where heads allow it, else 4.
// Bytes per copy: 4 tokens layers kv_heads head_size read and written, of integers half of it and 8 tokens layers kv_heads. Operations: none.
#pragma once
#include "../common/pages.cuh"

template <int Bytes>
SRV_DEVICE void copy_part(uint8_t* to, const uint8_t* from) {
    if constexpr (Bytes == 16) {
        ptx::store_16(to, ptx::load_16(from));
    } else if constexpr (Bytes == 4) {
        *reinterpret_cast<uint32_t*>(to) = *reinterpret_cast<const uint32_t*>(from);
    } else {
        *reinterpret_cast<uint16_t*>(to) = *reinterpret_cast<const uint16_t*>(from);
    }
}

template <int Bytes>
SRV_DEVICE void copy_layer(const srv_copy_pages_params& p, int layer) {
    const int slot_bytes = p.head_size * 2;
    const int head_bytes = slot_bytes * SRV_PAGE_TOKENS;
    const int layer_bytes = head_bytes * 2 * p.kv_head_count;
    const int copies = count_at(p.copy_count);
    for (int offset = static_cast<int>(ptx::thread_index()) * Bytes; offset < layer_bytes; offset += 256 * Bytes) {
        const int slot = offset % head_bytes / slot_bytes;
        const int64_t within = static_cast<int64_t>(layer) * layer_bytes + offset;
        for (int i = 0; i < copies; i++) {
            const srv_page_copy copy = at<const srv_page_copy>(p.copies)[i];
            if (slot < copy.tokens) {
                copy_part<Bytes>(at<uint8_t>(p.pages + copy.destination * p.page_bytes) + within, at<const uint8_t>(p.pages + copy.source * p.page_bytes) + within);
            }
        }
    }
}

SRV_KERNEL(srv_copy_pages, srv_copy_pages_params, 256) {
    for (int layer = static_cast<int>(ptx::block_index()); layer < p.layer_count; layer += static_cast<int>(ptx::block_count())) {
        if (p.head_size % 8 == 0) {
            copy_layer<16>(p, layer);
        } else {
            copy_layer<4>(p, layer);
        }
    }
}

// What lies `first` bytes behind the begin of every head, slot_bytes of each slot: integers, or their scales.
template <int Bytes>
SRV_DEVICE void copy_slots(const srv_copy_pages_params& p, int layer, int first, int slot_bytes) {
    const int head_bytes = SRV_PAGE_TOKENS * (p.head_size + Int8Pages::kScale);
    const int heads = 2 * p.kv_head_count;
    const int copies = count_at(p.copy_count);
    for (int offset = static_cast<int>(ptx::thread_index()) * Bytes; offset < heads * SRV_PAGE_TOKENS * slot_bytes; offset += 256 * Bytes) {
        const int head = offset / (SRV_PAGE_TOKENS * slot_bytes);
        const int in_head = offset % (SRV_PAGE_TOKENS * slot_bytes);
        const int64_t within = (static_cast<int64_t>(layer) * heads + head) * head_bytes + first + in_head;
        for (int i = 0; i < copies; i++) {
            const srv_page_copy copy = at<const srv_page_copy>(p.copies)[i];
            if (in_head / slot_bytes < copy.tokens) {
                copy_part<Bytes>(at<uint8_t>(p.pages + copy.destination * p.page_bytes) + within, at<const uint8_t>(p.pages + copy.source * p.page_bytes) + within);
            }
        }
    }
}

SRV_KERNEL(srv_copy_pages_int8, srv_copy_pages_params, 256) {
    for (int layer = static_cast<int>(ptx::block_index()); layer < p.layer_count; layer += static_cast<int>(ptx::block_count())) {
        if (p.head_size % 16 == 0) {
            copy_slots<16>(p, layer, 0, p.head_size);
        } else {
            copy_slots<2>(p, layer, 0, p.head_size);
        }

        copy_slots<4>(p, layer, SRV_PAGE_TOKENS * p.head_size, Int8Pages::kScale);
    }
}
