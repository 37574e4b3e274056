#include "attributes.h"

namespace emulator {

Result device_attribute(int attribute, int& value) {
    // CUdevice_attribute. What is not named here is 0, as it is on a device that lacks it.
    constexpr int last = 200;
    if (attribute < 1 || attribute > last) return Result::invalid_value;
    switch (attribute) {
        case 1:                                                // threads of a block
        case 2:                                                // and its dimensions
        case 3: value = 1024; break;
        case 4: value = 64; break;
        case 5: value = 0x7fffffff; break;                     // dimensions of a grid
        case 6:
        case 7: value = 65535; break;
        case 8: value = default_shared_bytes; break;
        case 9: value = 65536; break;                          // constant memory
        case 10: value = 32; break;                            // warp
        case 11: value = 0x7fffffff; break;                    // pitch
        case 12: value = 65536; break;                         // registers of a block
        case 13: value = 1980000; break;                       // clock, kHz
        case 15: value = 1; break;                             // copies beside kernels
        case 16: value = multiprocessors; break;
        case 19: value = 1; break;                             // can map host memory
        case 31: value = 1; break;                             // kernels beside each other
        case 36: value = 3201000; break;                       // memory clock, kHz
        case 37: value = 6144; break;                          // bus, bits
        case 38: value = 50 << 20; break;                      // L2
        case 39: value = max_threads_per_multiprocessor; break;
        case 40: value = 3; break;                             // copy engines
        case 41: value = 1; break;                             // unified addressing
        case 75: value = 9; break;                             // compute capability
        case 76: value = 0; break;
        case 78: value = 1; break;                             // stream priorities
        case 81: value = shared_bytes_per_multiprocessor; break;
        case 82: value = 65536; break;                         // registers of a multiprocessor
        case 97: value = max_shared_bytes; break;              // of a block, asked for
        case 106: value = max_blocks_per_multiprocessor; break;
        case 111: value = shared_bytes_reserved_per_block; break;
        default: value = 0; break;
    }
    return Result::success;
}

}  // namespace emulator
