// Keys and values inside a page: [layer][K|V][kv head], each 16 × head_size bf16.
// K: [pair of elements][16 tokens][2], a panel whose outputs are tokens. V: [16 elements][pair of tokens][16][2], panels whose inputs are tokens; where
// head_size is no multiple of 16 the last panel is narrower.

SRV_INLINE uint16_t* page_keys(const Engine& engine, int page, int layer, int head) {
    const int64_t block = (static_cast<int64_t>(layer) * 2) * engine.program.kv_head_count + head;
    return reinterpret_cast<uint16_t*>(engine.arena.data + page * engine.limits.page_bytes) + block * kPageTokens * engine.program.head_size;
}

SRV_INLINE uint16_t* page_values(const Engine& engine, int page, int layer, int head) {
    return page_keys(engine, page, layer, head) + static_cast<int64_t>(engine.program.kv_head_count) * kPageTokens * engine.program.head_size;
}

SRV_INLINE int panel_width(int head_size, int first) { return head_size - first < kLanes ? head_size - first : kLanes; }

// Copies one token's value from a page to a V block of so many tokens and so many (padded) elements.
SRV_INLINE void copy_value_token(const uint16_t* from, int token, uint16_t* to, int to_tokens, int to_token, int to_width, int head_size) {
    for (int first = 0; first < head_size; first += kLanes) {
        const int width = panel_width(head_size, first);
        const int target_width = panel_width(to_width, first);
        const uint16_t* source = from + first * kPageTokens + token / 2 * 2 * width + token % 2;
        uint16_t* target = to + first * to_tokens + to_token / 2 * 2 * target_width + to_token % 2;
        for (int d = 0; d < width; d++) {
            target[d * 2] = source[d * 2];
        }
    }
}

SRV_INLINE void copy_key_token(const uint16_t* from, int token, uint16_t* to, int to_token, int head_size) {
    for (int p = 0; p < head_size / 2; p++) {
        __builtin_memcpy(to + (p * kPageTokens + to_token) * 2, from + (p * kPageTokens + token) * 2, 2 * sizeof *from);
    }
}
