#include "context.h"

#include <cstddef>
#include <cstdint>

namespace emulator {

#ifdef SRV_EMULATOR_PORTABLE

void prepare(Context& context, void* stack, size_t bytes, void (*entry)()) {
    getcontext(&context.portable);
    context.portable.uc_stack.ss_sp = stack;
    context.portable.uc_stack.ss_size = bytes;
    context.portable.uc_link = nullptr;
    makecontext(&context.portable, entry, 0);
}

#else

// A call whose return is another thread's: all threads of a warp mostly come from the same place and go back to it, so that a processor's guess of where a return leads is right.
// Control words of the floating-point units are never changed here.
asm(R"(
    .text
    .globl srv_emulator_switch
    .hidden srv_emulator_switch
    .type srv_emulator_switch, @function
srv_emulator_switch:
    .cfi_startproc
    pushq %rbp
    movq %rsp, (%rdi)
    movq %rsi, %rsp
    popq %rbp
    ret
    .cfi_endproc
    .size srv_emulator_switch, .-srv_emulator_switch

    .globl srv_emulator_begin
    .hidden srv_emulator_begin
    .type srv_emulator_begin, @function
srv_emulator_begin:
    .cfi_startproc
    .cfi_undefined %rip
    movq 8(%rdx), %rsp
    pushq $0
    jmpq *16(%rdx)
    .cfi_endproc
    .size srv_emulator_begin, .-srv_emulator_begin
)");

extern "C" void srv_emulator_begin();

void prepare(Context& context, void* stack, size_t bytes, void (*entry)()) {
    // What every one pops that has not begun: a frame's register, and where to go.
    static void (*const first[2])() = {nullptr, &srv_emulator_begin};
    static_assert(offsetof(Context, top) == 8 && offsetof(Context, entry) == 16);
    context.stack_pointer = const_cast<void (**)()>(first);
    context.top = reinterpret_cast<void*>((reinterpret_cast<uintptr_t>(stack) + bytes) & ~uintptr_t{15});
    context.entry = entry;
}

#endif

}  // namespace emulator
