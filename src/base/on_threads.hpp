#pragma once
#include <algorithm>
#include <atomic>
#include <cstdint>
#include <exception>
#include <mutex>
#include <thread>
#include <vector>

namespace modr {

/// Calls work(0) to work(count - 1), in about this order, on at most `threads` threads, the caller's among them: for work
/// that waits (a disk), where those of OpenMP are for work that computes. Returns when all are through. When one throws,
/// what was not begun is left out, and that is thrown.
template <typename Work>
void on_threads(int threads, int64_t count, const Work& work) {
  std::atomic<int64_t> next = 0;
  std::exception_ptr failure;
  std::mutex failing;
  const auto run = [&] {
    try {
      for (int64_t i = next++; i < count; i = next++) work(i);
    } catch (...) {
      next = count;
      const std::lock_guard lock(failing);
      if (!failure) failure = std::current_exception();
    }
  };
  {
    std::vector<std::jthread> others;
    others.reserve(static_cast<std::size_t>(threads));
    for (int64_t i = 1; i < std::min<int64_t>(threads, count); ++i) others.emplace_back(run);
    run();
  }
  if (failure) std::rethrow_exception(failure);
}

}  // namespace modr
