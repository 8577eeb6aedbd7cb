#include "kernels/cpu/row_unpack.hpp"

#include <algorithm>
#include <bit>

#include "kernels/cpu/parallel.hpp"

namespace modr::kernels {

namespace {

constexpr int64_t square = 4;         // pairs of rows by pairs of columns that are turned together
constexpr int64_t pairs = panel / 2;  // of a panel's rows, and of the columns of one that is made
static_assert(pairs % square == 0);

typedef uint64_t Quads __attribute__((vector_size(8 * square)));

// Two rows' pairs of two columns, (a0 a1) (b0 b1), become two columns' pairs of two rows, (a0 b0) (a1 b1).
inline Quads turn_pairs(Quads x) {
  typedef uint16_t Halves __attribute__((vector_size(sizeof(Quads))));
  const auto h = std::bit_cast<Halves>(x);
  return std::bit_cast<Quads>(
      __builtin_shufflevector(h, h, 0, 2, 1, 3, 4, 6, 5, 7, 8, 10, 9, 11, 12, 14, 13, 15));
}

inline Quads load(const uint32_t* from) { return load_as_vector<Quads>(from); }

// to[d][s] = turned from[s][d] of a square of pairs, whose rows lie a panel apart.
inline void turn_square(const uint32_t* from, uint32_t* to) {
  const Quads a = turn_pairs(load(from)), b = turn_pairs(load(from + panel)), c = turn_pairs(load(from + 2 * panel)),
              d = turn_pairs(load(from + 3 * panel));
  const Quads ab0 = __builtin_shufflevector(a, b, 0, 4, 2, 6), ab1 = __builtin_shufflevector(a, b, 1, 5, 3, 7),
              cd0 = __builtin_shufflevector(c, d, 0, 4, 2, 6), cd1 = __builtin_shufflevector(c, d, 1, 5, 3, 7);
  store_vector_at(__builtin_shufflevector(ab0, cd0, 0, 1, 4, 5), to);
  store_vector_at(__builtin_shufflevector(ab1, cd1, 0, 1, 4, 5), to + panel);
  store_vector_at(__builtin_shufflevector(ab0, cd0, 2, 3, 6, 7), to + 2 * panel);
  store_vector_at(__builtin_shufflevector(ab1, cd1, 2, 3, 6, 7), to + 3 * panel);
}

// The same of one pair.
inline void turn_pair(const uint32_t* from, uint32_t* to) {
  const uint32_t first = from[0], second = from[1];
  to[0] = (first & 0xffff) | second << 16;
  to[1] = first >> 16 | (second & 0xffff0000);
}

// `steps` pairs of columns of the rows of W in one panel, as `depth` steps of a panel of B.
void turn_block(const uint32_t* from, int64_t steps, int64_t depth, uint32_t* to) {
  const int64_t whole_steps = steps / square * square, whole_depth = depth / square * square;
  for (int64_t s = 0; s < whole_steps; s += square)
    for (int64_t d = 0; d < whole_depth; d += square) turn_square(from + s * panel + 2 * d, to + d * panel + 2 * s);
  for (int64_t s = 0; s < steps; ++s)
    for (int64_t d = s < whole_steps ? whole_depth : 0; d < depth; ++d)
      turn_pair(from + s * panel + 2 * d, to + d * panel + 2 * s);
  for (int64_t d = 0; d < depth; ++d) std::fill(to + d * panel + 2 * steps, to + (d + 1) * panel, 0);
}

float value_of(uint32_t word, bool odd) { return std::bit_cast<float>(odd ? word & 0xffff0000 : word << 16); }

// The rows of one panel, some columns at a time for the cache's sake.
template <typename S>
void unpack_panel(const Panels& w, int64_t p, S* to) {
  constexpr int64_t most_steps = 64;
  const int64_t rows = std::min(panel, w.n - p * panel), steps = steps_of<bfloat16>(w.k);
  for (int64_t begin = 0; begin < steps; begin += most_steps)
    for (int64_t row = 0; row < rows; ++row)
      for (int64_t column = 2 * begin; column < std::min(w.k, 2 * (begin + most_steps)); ++column)
        store(value_of(w.at(p, column / 2)[row], column % 2 != 0), to[row * w.k + column]);
}

}  // namespace

template <>
void pack_panel<bfloat16>(const Panels& w, int64_t p0, int64_t depth, int64_t j0, int64_t columns, uint32_t* to) {
  for (int64_t p = 0; p < depth; p += panel)
    turn_block(w.at((p0 + p) / panel, j0 / 2), steps_of<bfloat16>(columns),
               steps_of<bfloat16>(std::min(panel, depth - p)), to + p / 2 * panel);
}

template <typename S>
void row_unpack(int64_t k, int64_t n, const std::byte* packed, S* w) {
  const Panels panels{reinterpret_cast<const uint32_t*>(packed), n, k};
  parallel_ranges(ceil_div(n, panel), n * k, [&](int64_t begin, int64_t end) {
    for (int64_t p = begin; p < end; ++p) unpack_panel(panels, p, w + p * panel * k);
  });
}
template void row_unpack(int64_t, int64_t, const std::byte*, float*);
template void row_unpack(int64_t, int64_t, const std::byte*, bfloat16*);

void row_gather(int64_t k, const std::byte* packed, const int32_t* index, int64_t count, float factor, bfloat16* out) {
  const Panels panels{reinterpret_cast<const uint32_t*>(packed), 0, k};
  parallel_ranges(count, count * k, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i)
      for (int64_t column = 0; column < k; ++column) {
        const uint32_t word = panels.at(index[i] / panel, column / 2)[index[i] % panel];
        store(factor * value_of(word, column % 2 != 0), out[i * k + column]);
      }
  });
}

}  // namespace modr::kernels
