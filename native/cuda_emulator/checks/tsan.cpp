// What code compiled with -fsanitize=thread calls before each load and store. The library of that sanitizer is never linked: these are its functions here.
#include <cstring>

#include "access.h"

using emulator::Access;
using emulator::check;
using emulator::check_any;

#define SRV_TSAN_ACCESS(bytes)                                                                                           \
    void __tsan_read##bytes(void* address) { check<Access::read, bytes>(address); }                                      \
    void __tsan_write##bytes(void* address) { check<Access::write, bytes>(address); }                                    \
    void __tsan_unaligned_read##bytes(const void* address) { check_any(address, bytes, false, Access::read); }           \
    void __tsan_unaligned_write##bytes(void* address) { check_any(address, bytes, false, Access::write); }

extern "C" {

SRV_TSAN_ACCESS(1)
SRV_TSAN_ACCESS(2)
SRV_TSAN_ACCESS(4)
SRV_TSAN_ACCESS(8)
SRV_TSAN_ACCESS(16)

void __tsan_read_range(void* address, unsigned long bytes) { check_any(address, bytes, false, Access::read); }
void __tsan_write_range(void* address, unsigned long bytes) { check_any(address, bytes, false, Access::write); }

// clang's names for what gcc leaves as plain calls or turns into ranges.
void* __tsan_memcpy(void* to, const void* from, unsigned long bytes) {
    check_any(from, bytes, false, Access::read);
    check_any(to, bytes, false, Access::write);
    return std::memcpy(to, from, bytes);
}

void* __tsan_memset(void* to, int value, unsigned long bytes) {
    check_any(to, bytes, false, Access::write);
    return std::memset(to, value, bytes);
}

void __tsan_init() {}
void __tsan_func_entry(void*) {}
void __tsan_func_exit() {}

}  // extern "C"
