// The table of device allocations: where each lies, which are live, what the memory of a device adds up to.
#pragma once
#include <cstddef>
#include <cstdint>
#include <string>

namespace emulator {

// Every allocation starts at a multiple of this and is followed by at least as much that belongs to nobody.
constexpr size_t allocation_alignment = 512;

// 0 when the device has not that much left.
uintptr_t allocate(int device, size_t bytes);

// False when no live allocation starts there.
bool release(uintptr_t address);

// Whether the range lies inside one live allocation.
bool is_live(uintptr_t address, size_t bytes);

size_t allocated_bytes(int device);
size_t allocations(int device);
void release_all(int device);

struct AllocationNote {
    bool freed;
    std::string text;
};

// Where an address lies, in words: "96 bytes past an allocation of 4096 bytes at 0x…".
AllocationNote note_on(uintptr_t address);

}  // namespace emulator
