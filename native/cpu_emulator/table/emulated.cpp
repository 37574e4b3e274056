// The emulation's entries, and the tiles'.
#define SRV_TABLE_NAMESPACE emulated
#include "entries.h"
#include "tile_product.h"
