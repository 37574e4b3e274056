// Stands before the compiler's header in the include path of the emulated instruction sets: the kernels' sources, compiled for AVX2, find every intrinsic beyond it here.
// One that they use and that is not here does not compile.
#pragma once
#include_next <immintrin.h>

#include "../intrinsics/registers.h"
#include "../intrinsics/memory.h"
#include "../intrinsics/floats.h"
#include "../intrinsics/integers.h"
#include "../intrinsics/products.h"
#include "../tiles/tiles.h"
#include "../intrinsics/names.h"
