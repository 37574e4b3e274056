// Products of a warpgroup (wgmma): begun, and carried out when they are waited for. Until then what they write is NaN, and what they read is checked twice, when
// they begin and when they end, so that a tile that is overwritten meanwhile shows.
#pragma once
#include "warp.h"

namespace emulator {

void begin_product(Warp& warp);
void commit_products(Warp& warp);
void finish_products(Warp& warp, uint32_t pending);

}  // namespace emulator
