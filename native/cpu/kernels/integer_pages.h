// Keys and values of eight bits inside a page: [layer][K|V][kv head], each 16 × head_size integers and behind them 16 fp32 scales.
// K: [element][16 tokens]. V: [16 tokens][element]. Whole numbers up to 127 are exact in bf16, so that products take them as they are; a key's scale goes onto its
// score, a value's onto its weight before that is rounded.

SRV_INLINE bool has_integers(const Engine& engine) { return engine.program.key_values == SRV_KEY_VALUES_INT8; }

SRV_INLINE int8_t* integer_keys(const Engine& engine, int page, int layer, int head) {
    const int64_t block = (static_cast<int64_t>(layer) * 2) * engine.program.kv_head_count + head;
    return reinterpret_cast<int8_t*>(engine.arena.data + page * engine.limits.page_bytes) + block * kPageTokens * (engine.program.head_size + 4);
}

SRV_INLINE int8_t* integer_values(const Engine& engine, int page, int layer, int head) {
    return integer_keys(engine, page, layer, head) + static_cast<int64_t>(engine.program.kv_head_count) * kPageTokens * (engine.program.head_size + 4);
}

// The scales of a block of keys or values.
SRV_INLINE float* scales_of(int8_t* block, int head_size) { return reinterpret_cast<float*>(block + kPageTokens * head_size); }
SRV_INLINE const float* scales_of(const int8_t* block, int head_size) { return reinterpret_cast<const float*>(block + kPageTokens * head_size); }

// Copies the first tokens of a head's keys and values from a page to another.
static void copy_integer_head(const Engine& engine, const srv_page_copy& copy, int layer, int head) {
    const int head_size = engine.program.head_size;
    const int8_t* k = integer_keys(engine, copy.source, layer, head);
    int8_t* to = integer_keys(engine, copy.destination, layer, head);
    for (int d = 0; d < head_size; d++) {
        __builtin_memcpy(to + d * kPageTokens, k + d * kPageTokens, static_cast<size_t>(copy.tokens));
    }

    const int8_t* v = integer_values(engine, copy.source, layer, head);
    int8_t* to_values = integer_values(engine, copy.destination, layer, head);
    __builtin_memcpy(to_values, v, static_cast<size_t>(copy.tokens) * head_size);
    __builtin_memcpy(scales_of(to, head_size), scales_of(k, head_size), static_cast<size_t>(copy.tokens) * sizeof(float));
    __builtin_memcpy(scales_of(to_values, head_size), scales_of(v, head_size), static_cast<size_t>(copy.tokens) * sizeof(float));
}
