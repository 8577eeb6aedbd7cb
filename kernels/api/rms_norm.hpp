#pragma once
#include <cstdint>

namespace modr::kernels::cpu {

/// RMSNorm (Zhang & Sennrich 2019): y = x / rms(x) * weight over rows of `width`, rms = sqrt(mean(x^2) + eps).
/// inverse_rms [rows] is kept for backward.
template <typename T>
void rms_norm(const T* x, const T* weight, T eps, int64_t rows, int64_t width, T* y, T* inverse_rms);

template <typename T>
struct RmsNormBackward {
  const T* dy;           // [rows, width]
  const T* x;            // [rows, width]
  const T* weight;       // [width]
  const T* inverse_rms;  // [rows]
  int64_t rows, width;
  T* dx;       // [rows, width], assigned; null when not wanted
  T* dweight;  // [width], accumulated; null when not wanted
};

template <typename T>
void rms_norm_backward(const RmsNormBackward<T>& args);

}  // namespace modr::kernels::cpu
