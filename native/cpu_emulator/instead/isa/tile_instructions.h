// In the place of cpu/isa/tile_instructions.h: the same functions on emulated tile registers. No include guard: included once, inside the instruction set's namespace.

template <typename Config>
SRV_INLINE void tile_configure(const Config& config) {
    static_assert(sizeof config == 64);
    srv_emulated::tile_configure(&config);
}

SRV_INLINE void tile_release() { srv_emulated::tile_release(); }

template <int Tile>
SRV_INLINE void tile_zero() {
    srv_emulated::tile_zero(Tile);
}

template <int Tile>
SRV_INLINE void tile_load(const void* from, int64_t stride) {
    srv_emulated::tile_load(Tile, from, stride);
}

template <int Tile>
SRV_INLINE void tile_store(void* to, int64_t stride) {
    srv_emulated::tile_store(Tile, to, stride);
}

template <int C, int A, int B>
SRV_INLINE void tile_multiply() {
    srv_emulated::tile_multiply(C, A, B);
}
