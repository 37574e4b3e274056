// Memory straight from the kernel: 2 MiB-aligned, on huge pages where it has them, untouched until written.
#pragma once
#include <cstddef>
#include <cstdint>

namespace serving {

struct Region {
    uint8_t* data = nullptr;
    size_t bytes = 0;
};

// Reserves zeroed memory; data is null when the kernel refuses.
Region take_region(size_t bytes);

void give_region(Region& region);

}  // namespace serving
