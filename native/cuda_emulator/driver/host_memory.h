// Page-locked host memory: what asynchronous copies may still be reading or writing after the call.
#pragma once
#include <cstddef>
#include <cstdint>

namespace emulator {

void* allocate_pinned(size_t bytes);
bool free_pinned(void* pointer);

// Marks memory of the caller's as page-locked, and undoes that.
bool register_pinned(void* pointer, size_t bytes);
bool unregister_pinned(void* pointer);

bool is_pinned(const void* pointer, size_t bytes);

}  // namespace emulator
