#pragma once
// How an op reaches its kernel: by the place of its tensors, and their type.
#include "kernels/api/place.hpp"
#include "tensor/tensor.hpp"

namespace modr {

/// The place of a CUDA device's work: its stream is the device's own. Throws Error where there is no such device.
kernels::Cuda cuda_place(Device device);

/// Calls f(on) with the kernels' place of `device`; of meta that which a plan is for: the CPU. For what is asked of
/// kernels on the host: sizes.
template <typename F>
decltype(auto) visit_place(Device device, F&& f) {
  return device.is_cuda() ? f(cuda_place(device)) : f(kernels::Cpu{});
}

/// Calls `f.operator()<T>(on)` with T of x's dtype and `on` where x is; does nothing for meta, which has no values.
template <typename F>
void run_on(const Tensor& x, F&& f) {
  if (x.device().is_meta()) return;
  visit_dtype(x.dtype(),
              [&]<typename T>() { visit_place(x.device(), [&](auto on) { f.template operator()<T>(on); }); });
}

/// The same where only exact types have a meaning. Throws Error for bf16.
template <typename F>
void run_exactly_on(const Tensor& x, F&& f) {
  if (x.device().is_meta()) return;
  visit_exact_dtype(x.dtype(),
                    [&]<typename T>() { visit_place(x.device(), [&](auto on) { f.template operator()<T>(on); }); });
}

}  // namespace modr
