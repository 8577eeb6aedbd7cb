#pragma once
#include <memory>
#include <mutex>
#include <span>
#include <utility>
#include <vector>

#include "tensor/storage.hpp"

namespace modr {

/// `count` values of E where a kernel can write them: what is not a tensor, e.g. the branches that were chosen.
template <typename E>
class DeviceBuffer {
 public:
  DeviceBuffer(int64_t count, Device device)
      : count_(static_cast<std::size_t>(count)), storage_(count_ * sizeof(E), device) {}

  E* data() { return reinterpret_cast<E*>(storage_.data()); }
  /// A counted copy (see host_copies()); zeros of meta.
  std::vector<E> to_host() const {
    std::vector<E> values(count_);
    copy_to_host(storage_, 0, std::as_writable_bytes(std::span(values)));
    return values;
  }

 private:
  std::size_t count_;
  Storage storage_;
};

/// Values that an op and its backward share, immutable, on the host; and on a GPU from the first time that a kernel
/// there asks for them.
template <typename E>
class DeviceArray {
 public:
  explicit DeviceArray(std::vector<E> values) : values_(std::move(values)) {}

  std::size_t size() const { return values_.size(); }
  bool empty() const { return values_.empty(); }
  const E& operator[](std::size_t i) const { return values_[i]; }
  const E& front() const { return values_.front(); }
  const E& back() const { return values_.back(); }
  auto begin() const { return values_.begin(); }
  auto end() const { return values_.end(); }
  const std::vector<E>& values() const { return values_; }
  bool operator==(const DeviceArray& other) const { return values_ == other.values_; }
  bool operator==(const std::vector<E>& values) const { return values_ == values; }

  /// For kernels on `device`; null for meta.
  const E* on(Device device) const {
    if (device.is_cpu()) return values_.data();
    if (device.is_meta()) return nullptr;
    std::call_once(copied_, [&] {
      copy_ = std::make_unique<Storage>(values_.size() * sizeof(E), device);
      copy_to_device(std::as_bytes(std::span(values_)), *copy_);
    });
    return reinterpret_cast<const E*>(copy_->data());
  }

 private:
  std::vector<E> values_;
  mutable std::once_flag copied_;
  mutable std::unique_ptr<Storage> copy_;  // on a process's one GPU
};

}  // namespace modr
