// AMX's instructions, one function each. Tile numbers are template arguments, as the instructions hold them.
// No include guard: included once, inside the instruction set's namespace.

template <typename Config>
SRV_INLINE void tile_configure(const Config& config) {
    static_assert(sizeof config == 64);
    __asm__ volatile("ldtilecfg %0" ::"m"(config));
}

SRV_INLINE void tile_release() { __asm__ volatile("tilerelease" ::); }

template <int Tile>
SRV_INLINE void tile_zero() {
    __asm__ volatile("tilezero %%tmm%c0" ::"i"(Tile));
}

template <int Tile>
SRV_INLINE void tile_load(const void* from, int64_t stride) {
    __asm__ volatile("tileloadd (%1,%2,1), %%tmm%c0" ::"i"(Tile), "r"(from), "r"(stride) : "memory");
}

template <int Tile>
SRV_INLINE void tile_store(void* to, int64_t stride) {
    __asm__ volatile("tilestored %%tmm%c0, (%1,%2,1)" ::"i"(Tile), "r"(to), "r"(stride) : "memory");
}

// C += A · B over 32 bf16.
template <int C, int A, int B>
SRV_INLINE void tile_multiply() {
    __asm__ volatile("tdpbf16ps %%tmm%c2, %%tmm%c1, %%tmm%c0" ::"i"(C), "i"(A), "i"(B));
}
