// The tiles of the hardware, by the instructions that the kernels have.
#define SRV_TABLE_NAMESPACE hardware
#include "tile_product.h"
