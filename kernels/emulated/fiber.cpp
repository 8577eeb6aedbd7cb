#include "kernels/emulated/fiber.hpp"

#include <pthread.h>
#include <sys/mman.h>

#include "base/error.hpp"
#include "kernels/emulated/sanitizers.hpp"

extern "C" void modr_emulated_switch(void** old_top, void* new_top);

// Saves what a function must keep on the old stack, takes it from the new one and goes on there.
#if defined(__x86_64__)
asm(R"(.text
.globl modr_emulated_switch
.type modr_emulated_switch,@function
modr_emulated_switch:
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
.size modr_emulated_switch,.-modr_emulated_switch)");
#else
#error "the switch of fibers is written for x86-64 alone"
#endif

namespace modr::emulated {

namespace {

constexpr std::size_t page = 4096;
constexpr int kept_registers = 6;

}  // namespace

Fiber::Fiber(void (*entry)()) : bytes_(stack_bytes) {
  constexpr int kind = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;
  memory_ = mmap(nullptr, page + stack_bytes, PROT_READ | PROT_WRITE, kind, -1, 0);
  if (memory_ == MAP_FAILED) fail("emulated device: no memory for the stack of a thread");
  mprotect(memory_, page, PROT_NONE);
  auto* low = static_cast<char*>(memory_) + page;
  bottom_ = low;
  auto** top = reinterpret_cast<void**>(low + stack_bytes) - 2;
  *--top = nullptr;  // entry() finds its stack as after a call
  *--top = reinterpret_cast<void*>(entry);
  for (int i = 0; i < kept_registers; ++i) *--top = nullptr;
  top_ = top;
  if (races_are_sought()) race_state_ = __tsan_create_fiber(0);
}

Fiber::~Fiber() {
  if (memory_ == nullptr) return;
  // (The thread sanitizer keeps its state of a thread that never ended: it would complain of what that had begun.)
  allow(memory_, page + stack_bytes);
  munmap(memory_, page + stack_bytes);
}

void Fiber::be_the_host() {
  if (__tsan_get_current_fiber != nullptr) race_state_ = __tsan_get_current_fiber();
  if (__sanitizer_start_switch_fiber == nullptr) return;
  pthread_attr_t attributes;
  void* low = nullptr;
  pthread_getattr_np(pthread_self(), &attributes);
  pthread_attr_getstack(&attributes, &low, &bytes_);
  pthread_attr_destroy(&attributes);
  bottom_ = low;
}

void Fiber::switch_to(Fiber& to) {
  if (__sanitizer_start_switch_fiber != nullptr) __sanitizer_start_switch_fiber(&fake_stack_, to.bottom_, to.bytes_);
  if (races_are_sought()) __tsan_switch_to_fiber(to.race_state_, 1);  // 1: the two are not synchronised by it
  modr_emulated_switch(&top_, to.top_);
  if (__sanitizer_finish_switch_fiber != nullptr) __sanitizer_finish_switch_fiber(fake_stack_, nullptr, nullptr);
}

void Fiber::begin() {
  if (__sanitizer_finish_switch_fiber != nullptr) __sanitizer_finish_switch_fiber(nullptr, nullptr, nullptr);
}

}  // namespace modr::emulated
