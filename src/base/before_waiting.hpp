#pragma once
#include <functional>

namespace modr {

/// Someone who put work into a device's order that can wait for others for ever, and knows how to wait for it with a
/// time-out: for the lifetime of this, `wait` runs on the thread that made it whenever that is about to wait for a
/// device (before_waiting()). It may throw.
class BeforeWaiting {
 public:
  explicit BeforeWaiting(std::function<void()> wait);
  /// On the same thread.
  ~BeforeWaiting();
  BeforeWaiting(const BeforeWaiting&) = delete;
  BeforeWaiting& operator=(const BeforeWaiting&) = delete;

 private:
  friend void before_waiting();
  std::function<void()> wait_;
};

/// To be called before the calling thread waits for a device.
void before_waiting();

}  // namespace modr
