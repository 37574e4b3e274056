// Where keys and values lie in a page: [layer][K, V][kv head][16 slots][head_size] bf16, or integers with 16 scales behind each head's.
#pragma once
#include "memory.cuh"

// How a page holds them. kScale is what a token's scale takes, in elements.
struct Bf16Pages {
    using Element = uint16_t;
    static constexpr int kScale = 0;
};

struct Int8Pages {
    using Element = int8_t;
    static constexpr int kScale = 4;
};

// The first slot's key of a head; which is 0 for keys, 1 for values.
template <class Pages = Bf16Pages>
SRV_DEVICE typename Pages::Element* page_head(srv_address pages, srv_address page_bytes, int page, int layer, int which, int kv_head_count, int kv_head, int head_size) {
    const int64_t head = (static_cast<int64_t>(layer) * 2 + which) * kv_head_count + kv_head;
    return at<typename Pages::Element>(pages + static_cast<srv_address>(page) * page_bytes) + head * SRV_PAGE_TOKENS * (head_size + Pages::kScale);
}

// The scales of a head's keys or values, from its first slot's integers on.
SRV_DEVICE float* scales_behind(int8_t* integers, int head_size) { return reinterpret_cast<float*>(integers + SRV_PAGE_TOKENS * head_size); }
