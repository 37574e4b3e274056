// A product of three tiles with one kind of tile instructions: whose is decided by the include path, as for the kernels.
#include <immintrin.h>
#include <string.h>

#include "table.h"

#define SRV_INLINE static inline __attribute__((always_inline))

namespace srv_table::SRV_TABLE_NAMESPACE {
namespace {
#ifdef SRV_HAS_TILES
#include "isa/tile_instructions.h"
#endif
}  // namespace

bool tile_product([[maybe_unused]] const uint8_t* config, [[maybe_unused]] const uint8_t* c, [[maybe_unused]] const uint8_t* a, [[maybe_unused]] const uint8_t* b,
    [[maybe_unused]] uint8_t* result, [[maybe_unused]] int64_t stride) {
#ifdef SRV_HAS_TILES
    struct alignas(64) Config {
        uint8_t bytes[64];
    } aligned;
    memcpy(aligned.bytes, config, sizeof aligned.bytes);
    tile_configure(aligned);
    tile_load<0>(c, stride);
    tile_load<4>(a, stride);
    tile_load<6>(b, stride);
    tile_multiply<0, 4, 6>();
    tile_store<0>(result, stride);
    tile_zero<0>();
    tile_release();
    return true;
#else
    return false;
#endif
}

}  // namespace srv_table::SRV_TABLE_NAMESPACE
