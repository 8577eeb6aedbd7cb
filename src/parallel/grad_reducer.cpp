#include "parallel/grad_reducer.hpp"

#include <algorithm>
#include <span>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "base/hash.hpp"

namespace modr {

namespace {

// A number for what has to be the same on all ranks: names, shapes and dtypes of the trainable parameters.
uint64_t fingerprint(const ParameterList& parameters) {
  std::string text;
  for (const Parameter& parameter : parameters)
    if (parameter.variable.requires_grad())
      text += fmt::format("{} {} {};", parameter.name, parameter.variable.shape().to_string(),
                          name_of(parameter.variable.dtype()));
  return fnv1a(text);
}

// Otherwise ranks would add one parameter to another, or wait for a message that nobody sends.
void check_same_parameters(const Communicator& comm, const ParameterList& parameters) {
  const std::vector<uint64_t> all = comm.all_gather(fingerprint(parameters));
  const auto other = std::find_if(all.begin(), all.end(), [&](uint64_t hash) { return hash != all.front(); });
  if (other != all.end())
    fail("reducing gradients: expected the same trainable parameters on all ranks, but those of rank {} differ from "
         "rank 0's",
         other - all.begin());
}

/// Gathers slices of gradients and sums them over the ranks whenever `capacity` elements are together.
template <typename T>
class Bucket {
 public:
  Bucket(const Communicator& comm, int64_t capacity) : comm_(comm), capacity_(static_cast<std::size_t>(capacity)) {}

  void add(std::span<T> values) {
    while (!values.empty()) {
      const std::size_t count = std::min(values.size(), capacity_ - used_);
      slices_.push_back(values.first(count));
      values = values.subspan(count);
      used_ += count;
      if (used_ == capacity_) flush();
    }
  }

  void flush() {
    if (slices_.size() == 1) {
      comm_.all_reduce(slices_.front());  // a large matrix needs no copy
    } else if (!slices_.empty()) {
      reduce_together();
    }
    slices_.clear();
    used_ = 0;
  }

 private:
  void reduce_together() {
    if (!buffer_.defined()) buffer_ = Tensor::empty({static_cast<int64_t>(capacity_)}, dtype_of<T>());
    const std::span<T> flat = buffer_.span<T>().first(used_);
    auto at = flat.begin();
    for (std::span<T> slice : slices_) at = std::copy(slice.begin(), slice.end(), at);
    comm_.all_reduce(flat);
    at = flat.begin();
    for (std::span<T> slice : slices_) {
      std::copy_n(at, slice.size(), slice.begin());
      at += static_cast<std::ptrdiff_t>(slice.size());
    }
  }

  const Communicator& comm_;
  std::size_t capacity_;  // in elements
  std::size_t used_ = 0;
  std::vector<std::span<T>> slices_;
  Tensor buffer_;
};

template <typename T>
void reduce_of_type(const Communicator& comm, const ParameterList& parameters, int64_t bucket_bytes) {
  Bucket<T> bucket(comm, std::max<int64_t>(bucket_bytes / static_cast<int64_t>(sizeof(T)), 1));
  for (const Parameter& parameter : parameters) {
    const Variable& variable = parameter.variable;
    if (variable.requires_grad() && variable.dtype() == dtype_of<T>()) bucket.add(variable.grad_or_zeros().span<T>());
  }
  bucket.flush();
}

}  // namespace

void reduce_gradients(const Communicator& comm, const ParameterList& parameters, int64_t bucket_bytes) {
  check_same_parameters(comm, parameters);
  reduce_of_type<float>(comm, parameters, bucket_bytes);
  reduce_of_type<double>(comm, parameters, bucket_bytes);
}

}  // namespace modr
