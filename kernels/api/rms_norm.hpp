#pragma once
#include <cstdint>

#include "base/bfloat16.hpp"
#include "kernels/api/place.hpp"

namespace modr::kernels {

/// RMSNorm (Zhang & Sennrich 2019) over rows of `width`: y = s / rms(s) * weight with s = x + residual and
/// rms = sqrt(mean(s^2) + eps).
template <typename T>
struct RmsNorm {
  const T* x;               // [rows, width]
  const T* residual;        // [rows, width]; null: s = x
  const Exact<T>* weight;   // [width]
  Exact<T> eps;
  int64_t rows, width;
  T* y;                     // [rows, width]
  Exact<T>* inverse_rms;    // [rows], kept for backward
};

template <typename T>
void rms_norm(Cpu, const RmsNorm<T>& args);
template <typename T>
void rms_norm(Cuda, const RmsNorm<T>& args);

/// Pieces of rows whose shares of dweight are summed apart, then in order: a fixed number, so that the order of the
/// sum does not depend on the number of threads.
inline constexpr int64_t rms_norm_pieces = 32;

/// One pass over dy, x and the residual gives all gradients.
template <typename T>
struct RmsNormBackward {
  const T* dy;                  // [rows, width]
  const T* x;                   // [rows, width]
  const T* residual;            // [rows, width]; null: s = x
  const Exact<T>* weight;       // [width]
  const Exact<T>* inverse_rms;  // [rows]
  int64_t rows, width;
  T* dx;              // [rows, width], of s, assigned; null when not wanted
  Exact<T>* dweight;  // [width], accumulated; null when not wanted
  Exact<T>* shares;   // [rms_norm_pieces, width] of room where dweight is wanted
};

template <typename T>
void rms_norm_backward(Cpu, const RmsNormBackward<T>& args);
template <typename T>
void rms_norm_backward(Cuda, const RmsNormBackward<T>& args);

}  // namespace modr::kernels
