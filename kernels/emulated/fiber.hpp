#pragma once
// A stack of its own for each thread of a block, and switching between them, known to the sanitizers.
#include <cstddef>
#include <cstdint>

namespace modr::emulated {

class Fiber {
 public:
  static constexpr std::size_t stack_bytes = 128 << 10;

  /// The stack that this thread of the host already runs on.
  Fiber() = default;
  /// One that begins in `entry`, which must not return. Throws Error where there is no memory.
  explicit Fiber(void (*entry)());
  ~Fiber();
  Fiber(const Fiber&) = delete;
  Fiber& operator=(const Fiber&) = delete;

  /// Takes what the sanitizers know of the calling thread of the host.
  void be_the_host();

  /// Leaves this fiber, which is running, for `to`; returns when somebody switches back.
  void switch_to(Fiber& to);
  /// First thing in `entry`.
  static void begin();

  unsigned thread = 0;  // of the block, that it runs
  uint64_t result = 0;  // of the exchange in which it waits

 private:
  void* top_ = nullptr;  // the stack pointer while it does not run
  void* memory_ = nullptr;
  const void* bottom_ = nullptr;
  std::size_t bytes_ = 0;
  void *fake_stack_ = nullptr, *race_state_ = nullptr;
};

}  // namespace modr::emulated
