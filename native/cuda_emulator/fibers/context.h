// One thread of execution inside a host thread: a stack of its own and the registers that a call preserves.
#pragma once
#include <cstddef>

#if !defined(__x86_64__) || defined(SRV_EMULATOR_UCONTEXT)
#define SRV_EMULATOR_PORTABLE 1
#include <ucontext.h>
#endif

namespace emulator {

struct Context {
#ifdef SRV_EMULATOR_PORTABLE
    ucontext_t portable;
#else
    void* stack_pointer = nullptr;
#endif
};

// The next switch to this context calls entry on the given stack; entry never returns.
void prepare(Context& context, void* stack, size_t bytes, void (*entry)());

#ifdef SRV_EMULATOR_PORTABLE
inline void switch_context(Context& from, const Context& to) { swapcontext(&from.portable, &to.portable); }
#else
extern "C" void srv_emulator_switch(void** from, void* to);
inline void switch_context(Context& from, const Context& to) { srv_emulator_switch(&from.stack_pointer, to.stack_pointer); }
#endif

}  // namespace emulator
