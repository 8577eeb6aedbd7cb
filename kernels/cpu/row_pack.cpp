#include "kernels/cpu/row_pack.hpp"

namespace modr::kernels {

namespace {

constexpr int64_t square = 8;       // columns turned together
constexpr int64_t most_steps = 64;  // of them at once

inline uint32_t bits_of(bfloat16 value) { return value.bits; }
inline uint32_t bits_of(float value) { return rounded_bits(value) >> 16; }

// words[step] of one column whose values follow each other.
template <typename T, typename S>
void load_steps(const S* from, int64_t k, StepOf<T>* words) {
  if constexpr (std::is_same_v<S, bfloat16>) {
    std::memcpy(words, from, static_cast<std::size_t>(k / 2) * sizeof *words);
    if (k % 2 != 0) words[k / 2] = from[k - 1].bits;
  } else if constexpr (std::is_same_v<T, bfloat16>) {
    for (int64_t step = 0; step < k / 2; ++step)
      words[step] = bits_of(from[2 * step]) | bits_of(from[2 * step + 1]) << 16;
    if (k % 2 != 0) words[k / 2] = bits_of(from[k - 1]);
  } else {
    std::copy_n(from, k, words);
  }
}

// to[step][j] = words[j][step], j < 8.
template <typename E>
void turn_columns(const E* words, int64_t stride, int64_t steps, E* to) {
  static_assert(sizeof(E) == sizeof(float));  // (turning moves words, whatever they hold)
  int64_t step = 0;
  for (; step + square <= steps; step += square) {
    Floats8 turned[square];
    turn_square(reinterpret_cast<const float*>(words) + step, stride, turned);
    for (int64_t q = 0; q < square; ++q) store_vector_at(turned[q], to + (step + q) * panel);
  }
  for (; step < steps; ++step)
    for (int64_t j = 0; j < square; ++j) to[step * panel + j] = words[j * stride + step];
}

// 8 columns of a panel, `present` of which exist, of a B stored as [n, k].
template <typename T, typename S>
void pack_columns(const S* from, int64_t stride, int64_t present, int64_t k, StepOf<T>* to) {
  if constexpr (std::is_same_v<T, S> && std::is_same_v<S, float>)
    if (present >= square) return turn_columns(from, stride, k, to);
  StepOf<T> words[square * most_steps] = {};
  constexpr int64_t width = StepsOf<T>::width;
  for (int64_t p = 0; p < k; p += most_steps * width) {
    const int64_t some = std::min(most_steps * width, k - p);
    for (int64_t j = 0; j < std::min(present, square); ++j) load_steps<T>(from + j * stride + p, some, words + j * most_steps);
    turn_columns(words, most_steps, steps_of<T>(some), to + p / width * panel);
  }
}

// One step of a panel from rows of B as stored; `second` is null where k is odd.
template <typename T, typename S>
void pack_step(const S* first, const S* second, int64_t columns, StepOf<T>* to) {
  if constexpr (std::is_same_v<T, bfloat16>) {
    if (second != nullptr)
      for (int64_t j = 0; j < columns; ++j) to[j] = bits_of(first[j]) | bits_of(second[j]) << 16;
    else
      for (int64_t j = 0; j < columns; ++j) to[j] = bits_of(first[j]);
  } else {
    std::copy_n(first, columns, to);
  }
}

}  // namespace

template <typename T, typename S>
void pack_panel(const Right<S>& b, int64_t p0, int64_t k, int64_t j0, int64_t columns, StepOf<T>* to) {
  if (b.transposed) {
    for (int64_t j = 0; j < panel; j += square)
      pack_columns<T>(b.at(p0, j0 + std::min(j, columns)), b.stride, std::max<int64_t>(columns - j, 0), k, to + j);
    return;
  }
  constexpr int64_t width = StepsOf<T>::width;
  for (int64_t p = 0; p < k; p += width, to += panel) {
    pack_step<T>(b.at(p0 + p, j0), p + 1 < k ? b.at(p0 + p + 1, j0) : nullptr, columns, to);
    std::fill(to + columns, to + panel, StepOf<T>{0});
  }
}
template void pack_panel<float>(const Right<float>&, int64_t, int64_t, int64_t, int64_t, float*);
template void pack_panel<bfloat16>(const Right<float>&, int64_t, int64_t, int64_t, int64_t, uint32_t*);
template void pack_panel<bfloat16>(const Right<bfloat16>&, int64_t, int64_t, int64_t, int64_t, uint32_t*);

}  // namespace modr::kernels
