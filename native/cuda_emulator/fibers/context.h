// One thread of execution inside a host thread: a stack of its own and where it stands there.
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
    void* top = nullptr;  // of its stack, and what it calls there first
    void (*entry)() = nullptr;
#endif
};

// The next switch to this context, should there be one, calls entry on the given stack; entry never returns. Until then the stack is not touched.
void prepare(Context& context, void* stack, size_t bytes, void (*entry)());

#ifdef SRV_EMULATOR_PORTABLE
inline void switch_context(Context& from, const Context& to) { swapcontext(&from.portable, &to.portable); }
#else
// Every register but the frame's is lost behind it, as the compiler is told: it keeps what it still needs, and nothing twice. Needs -mno-red-zone.
[[gnu::always_inline]] inline void switch_context(Context& from, const Context& to) {
    void** save = &from.stack_pointer;
    void* load = to.stack_pointer;
    const Context* context = &to;  // for its first time
    asm volatile("call srv_emulator_switch"
                 : "+D"(save), "+S"(load), "+d"(context)
                 :
                 : "rax", "rbx", "rcx", "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15", "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9",
                   "xmm10", "xmm11", "xmm12", "xmm13", "xmm14", "xmm15", "memory", "cc");
}
#endif

}  // namespace emulator
