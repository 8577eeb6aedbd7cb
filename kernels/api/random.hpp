#pragma once
#include <cstdint>

#include "base/bfloat16.hpp"
#include "base/philox.hpp"
#include "kernels/api/place.hpp"

namespace modr::kernels {

/// out[i] = bound * x_i, x_i uniform in (-1, 1): that of draw `first` + i, as PhiloxSequence::uniform() makes them.
template <typename T>
void uniform(Cpu, const PhiloxStream& stream, int64_t first, double bound, int64_t n, T* out);
template <typename T>
void uniform(Cuda, const PhiloxStream& stream, int64_t first, double bound, int64_t n, T* out);

/// Standard deviations of values: `std`, and from value `from` on `rest`.
struct NormalScale {
  double std;
  int64_t from = INT64_MAX;
  double rest = 0;

  constexpr double of(int64_t value) const { return value < from ? std : rest; }
};

/// out[i] = scale.of(i) * x_i, x_i normal with |x_i| <= limit: what PhiloxSequence::truncated_normal(limit) gives one
/// after another, a block an attempt; of bfloat16 rounded from what float would be.
template <typename T>
void truncated_normal(Cpu, const PhiloxStream& stream, const NormalScale& scale, double limit, int64_t n, T* out);
template <typename T>
void truncated_normal(Cuda, const PhiloxStream& stream, const NormalScale& scale, double limit, int64_t n, T* out);

/// The same of rows [rows, width], each with a stream of its own, rounded to T from what Exact<T> would be.
template <typename T>
void truncated_normal_rows(Cpu, const PhiloxStream* streams, double std, double limit, int64_t rows, int64_t width,
                           T* out);
template <typename T>
void truncated_normal_rows(Cuda, const PhiloxStream* streams, double std, double limit, int64_t rows, int64_t width,
                           T* out);

}  // namespace modr::kernels
