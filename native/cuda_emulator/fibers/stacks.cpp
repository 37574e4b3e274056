#include "stacks.h"

#include <sys/mman.h>

#include <new>

namespace emulator {

void Stacks::add() {
    void* memory = mmap(nullptr, guard + bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1, 0);
    if (memory == MAP_FAILED) throw std::bad_alloc();
    mprotect(memory, guard, PROT_NONE);
    stacks_.push_back(static_cast<uint8_t*>(memory) + guard);
}

Stacks::~Stacks() {
    for (uint8_t* stack : stacks_) munmap(stack - guard, guard + bytes);
}

}  // namespace emulator
