#include "parallel/grad_reducer.hpp"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "base/error.hpp"
#include "base/hash.hpp"
#include "parallel/message_path.hpp"

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
  Bucket(MessagePath path, int64_t capacity) : path_(std::move(path)), capacity_(capacity) {}

  void add(const Tensor& gradient) {
    const Tensor values = gradient.view({-1});
    for (int64_t begin = 0; begin < values.numel();) {
      const int64_t end = std::min(values.numel(), begin + capacity_ - used_);
      slices_.push_back(values.slice(0, begin, end));
      used_ += end - begin;
      begin = end;
      if (used_ == capacity_) flush();
    }
  }

  void flush() {
    if (slices_.size() == 1 && slices_.front().device() == path_.device) {
      path_.comm.all_reduce(values_of<T>(slices_.front()));  // a large matrix needs no copy
    } else if (!slices_.empty()) {
      reduce_together();
    }
    slices_.clear();
    used_ = 0;
  }

 private:
  void reduce_together() {
    const MemoryUse use("messages");
    const Tensor& first = slices_.front();
    if (!buffer_.defined()) buffer_ = Tensor::empty({capacity_}, {first.dtype(), path_.device});
    const auto for_places = [&](auto f) {
      int64_t at = 0;
      for (const Tensor& slice : slices_) {
        f(slice, buffer_.slice(0, at, at + slice.numel()));
        at += slice.numel();
      }
    };
    for_places([](const Tensor& slice, const Tensor& place) { place.copy_from(slice); });
    path_.comm.all_reduce(values_of<T>(buffer_.slice(0, 0, used_)));
    for_places([](const Tensor& slice, const Tensor& place) { slice.copy_from(place); });
  }

  MessagePath path_;
  int64_t capacity_;  // in elements
  int64_t used_ = 0;
  std::vector<Tensor> slices_;
  Tensor buffer_;
};

template <typename T>
void reduce_of_type(const MessagePath& path, const ParameterList& parameters, int64_t bucket_bytes) {
  Bucket<T> bucket(path, std::max<int64_t>(bucket_bytes / static_cast<int64_t>(sizeof(T)), 1));
  for (const Parameter& parameter : parameters) {
    const Variable& variable = parameter.variable;
    if (variable.requires_grad() && variable.dtype() == dtype_of<T>()) bucket.add(variable.grad_or_zeros());
  }
  bucket.flush();
}

}  // namespace

void reduce_gradients(const Communicator& comm, const ParameterList& parameters, int64_t bucket_bytes) {
  check_same_parameters(comm, parameters);
  if (parameters.empty()) return;
  const MessagePath path = message_path(comm, parameters.front().variable.device());
  reduce_of_type<float>(path, parameters, bucket_bytes);
  reduce_of_type<double>(path, parameters, bucket_bytes);
}

}  // namespace modr
