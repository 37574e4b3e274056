#include "context.h"

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

// Saves what the System V ABI lets a callee keep; the rest is the caller's own business. Control words of the floating-point units are never changed here.
asm(R"(
    .text
    .globl srv_emulator_switch
    .hidden srv_emulator_switch
    .type srv_emulator_switch, @function
srv_emulator_switch:
    .cfi_startproc
    pushq %rbp
    pushq %rbx
    pushq %r12
    pushq %r13
    pushq %r14
    pushq %r15
    movq %rsp, (%rdi)
    movq %rsi, %rsp
    popq %r15
    popq %r14
    popq %r13
    popq %r12
    popq %rbx
    popq %rbp
    ret
    .cfi_endproc
    .size srv_emulator_switch, .-srv_emulator_switch
)");

void prepare(Context& context, void* stack, size_t bytes, void (*entry)()) {
    // At entry the stack is as after a call: 8 past a multiple of 16.
    auto* top = reinterpret_cast<uint64_t*>((reinterpret_cast<uintptr_t>(stack) + bytes) & ~uintptr_t{15});
    *--top = 0;
    *--top = reinterpret_cast<uint64_t>(entry);
    for (int i = 0; i < 6; i++) *--top = 0;
    context.stack_pointer = top;
}

#endif

}  // namespace emulator
