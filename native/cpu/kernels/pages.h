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

// Copies values of tokens side by side. Where whole panels are there, two tokens of the target at a time: as they lie, or from the halves of two pairs.
SRV_INLINE void copy_value_run(const uint16_t* from, int token, uint16_t* to, int to_tokens, int to_token, int count, int to_width, int head_size) {
    for (int i = 0; i < count;) {
        const bool pair = head_size % kLanes == 0 && (to_token + i) % 2 == 0 && i + 1 < count;
        if (!pair) {
            copy_value_token(from, token + i, to, to_tokens, to_token + i, to_width, head_size);
            i++;
            continue;
        }

        for (int first = 0; first < head_size; first += kLanes) {
            const uint16_t* source = from + first * kPageTokens + (token + i) / 2 * 2 * kLanes;
            uint32_t low[kLanes];
            __builtin_memcpy(low, source, sizeof low);
            if ((token + i) % 2 != 0) {
                uint32_t high[kLanes];
                __builtin_memcpy(high, source + 2 * kLanes, sizeof high);
                for (int d = 0; d < kLanes; d++) {
                    low[d] = low[d] >> 16 | high[d] << 16;
                }
            }

            __builtin_memcpy(to + first * to_tokens + (to_token + i) * kLanes, low, sizeof low);
        }

        i += 2;
    }
}

// Tokens side by side in a page, and where they go in a panel of 16.
struct TokenRun {
    const uint16_t* from;  // the page's keys
    int token;
    int to_token;
    int count;
};

// Copies keys of runs that fill a panel from its first token on. A vector of 16 tokens at a time: what is too much of a run is written over by the next run or the next pair of elements,
// so the last pair, which nothing follows, is copied token by token. What is read beyond a page's keys is its values.
SRV_INLINE void copy_key_runs(const TokenRun* runs, int run_count, uint16_t* to, int head_size) {
    const int last = head_size / 2 - 1;
    for (int p = 0; p < last; p++) {
        for (int r = 0; r < run_count; r++) {
            __builtin_memcpy(to + (p * kPageTokens + runs[r].to_token) * 2, runs[r].from + (p * kPageTokens + runs[r].token) * 2, 2 * kPageTokens * sizeof *to);
        }
    }

    for (int r = 0; r < run_count; r++) {
        for (int t = 0; t < runs[r].count; t++) {
            const int64_t at = last * kPageTokens;
            __builtin_memcpy(to + (at + runs[r].to_token + t) * 2, runs[r].from + (at + runs[r].token + t) * 2, 2 * sizeof *to);
        }
    }
}
