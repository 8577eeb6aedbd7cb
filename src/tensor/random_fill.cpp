#include "tensor/random_fill.hpp"

#include "base/error.hpp"
#include "tensor/device_buffer.hpp"
#include "tensor/run_on.hpp"

namespace modr {

void fill_uniform(const Tensor& tensor, const PhiloxStream& stream, int64_t first, double bound) {
  run_exactly_on(tensor, [&]<typename T>(auto on) {
    kernels::uniform(on, stream, first, bound, tensor.numel(), tensor.dense<T>());
  });
  tensor.changed();
}

void fill_truncated_normal(const Tensor& tensor, const PhiloxStream& stream, const kernels::NormalScale& scale,
                           double limit) {
  run_on(tensor, [&]<typename T>(auto on) {
    kernels::truncated_normal(on, stream, scale, limit, tensor.numel(), tensor.dense<T>());
  });
  tensor.changed();
}

void fill_truncated_normal_rows(const Tensor& tensor, std::vector<PhiloxStream> streams, double std, double limit) {
  MODR_CHECK(tensor.rank() == 2 && std::ssize(streams) == tensor.size(0), "{} streams for the rows of {}",
             streams.size(), tensor.shape().to_string());
  const DeviceArray<PhiloxStream> of_rows(std::move(streams));
  run_on(tensor, [&]<typename T>(auto on) {
    kernels::truncated_normal_rows(on, of_rows.on(tensor.device()), std, limit, tensor.size(0), tensor.size(1),
                                   tensor.dense<T>());
  });
  tensor.changed();
}

}  // namespace modr
