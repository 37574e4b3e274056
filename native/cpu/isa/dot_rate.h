// Whether this CPU's bf16 dot products outrun its fp32 multiply-adds.
#pragma once

namespace serving {

// Runs bursts of both in registers, one or two milliseconds in all. Call it only where AVX-512 BF16 runs.
bool dot_products_pay();

}  // namespace serving
