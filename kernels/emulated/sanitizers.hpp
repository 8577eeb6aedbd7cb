#pragma once
// What the sanitizers have to be told, where a program is built with them; nothing elsewhere.
#include <cstddef>

extern "C" {
__attribute__((weak)) void __sanitizer_start_switch_fiber(void**, const void*, size_t);
__attribute__((weak)) void __sanitizer_finish_switch_fiber(void*, const void**, size_t*);
__attribute__((weak)) void __asan_poison_memory_region(const volatile void*, size_t);
__attribute__((weak)) void __asan_unpoison_memory_region(const volatile void*, size_t);
__attribute__((weak)) void* __tsan_create_fiber(unsigned);
__attribute__((weak)) void* __tsan_get_current_fiber();
__attribute__((weak)) void __tsan_switch_to_fiber(void*, unsigned);
__attribute__((weak)) void __tsan_acquire(void*);
__attribute__((weak)) void __tsan_release(void*);
__attribute__((weak)) void AnnotateIgnoreReadsBegin(const char*, int);
__attribute__((weak)) void AnnotateIgnoreReadsEnd(const char*, int);
__attribute__((weak)) void AnnotateIgnoreWritesBegin(const char*, int);
__attribute__((weak)) void AnnotateIgnoreWritesEnd(const char*, int);
}

namespace modr::emulated {

/// Whether the thread sanitizer looks for races between the threads of kernels.
inline bool races_are_sought() { return __tsan_create_fiber != nullptr; }

/// What comes after acquire() of a place happens after all that came before release() of it.
inline void acquire(void* place) {
  if (__tsan_acquire != nullptr) __tsan_acquire(place);
}
inline void release(void* place) {
  if (__tsan_release != nullptr) __tsan_release(place);
}

inline void forbid(void* memory, size_t bytes) {
  if (__asan_poison_memory_region != nullptr) __asan_poison_memory_region(memory, bytes);
}
inline void allow(void* memory, size_t bytes) {
  if (__asan_unpoison_memory_region != nullptr) __asan_unpoison_memory_region(memory, bytes);
}

/// While it lives, what is done is the emulator's own and no race of the kernel, on whose thread it is done.
class NotTheKernels {
 public:
  NotTheKernels() {
    if (!races_are_sought()) return;
    AnnotateIgnoreReadsBegin(nullptr, 0);
    AnnotateIgnoreWritesBegin(nullptr, 0);
  }
  ~NotTheKernels() {
    if (!races_are_sought()) return;
    AnnotateIgnoreWritesEnd(nullptr, 0);
    AnnotateIgnoreReadsEnd(nullptr, 0);
  }
  NotTheKernels(const NotTheKernels&) = delete;
  NotTheKernels& operator=(const NotTheKernels&) = delete;
};

}  // namespace modr::emulated
