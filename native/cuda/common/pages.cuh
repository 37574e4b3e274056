// Where keys and values lie: [layer][K, V][kv head][16 slots][head_size] bf16 in a page.
#pragma once
#include "memory.cuh"

// The first slot's key of a head; which is 0 for keys, 1 for values.
SRV_DEVICE uint16_t* page_head(srv_address pages, srv_address page_bytes, int page, int layer, int which, int kv_head_count, int kv_head, int head_size) {
    const int64_t head = (static_cast<int64_t>(layer) * 2 + which) * kv_head_count + kv_head;
    return at<uint16_t>(pages + static_cast<srv_address>(page) * page_bytes) + head * SRV_PAGE_TOKENS * head_size;
}
