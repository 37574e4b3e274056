// The parameters of tests/kernels.cpp, as the host writes them.
#pragma once
#include <cstdint>

namespace tests {

struct Vector {
    uint64_t x, y;
    uint32_t count;
};

struct Product {
    uint64_t a, b, d;
};

struct Paged {
    uint64_t pages, table, y;
    uint32_t pages_used;
};

}  // namespace tests
