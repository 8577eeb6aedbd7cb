#include "kernels/api/random.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <vector>

#include "base/integer.hpp"
#include "kernels/cpu/parallel.hpp"
#include "kernels/cpu/store.hpp"

// Tells the compiler that glibc's vector library has these (libmvec, at most 4 ulp). Not for other files, whose loops
// would get other bits; normal_of() is compiled without.
extern "C" {
#pragma omp declare simd notinbranch
double log(double) noexcept;
#pragma omp declare simd notinbranch
double cos(double) noexcept;
}

namespace modr::kernels {

namespace {

constexpr int64_t lanes = 16;            // blocks made together
constexpr int64_t piece_size = 1 << 13;  // attempts that one thread makes one after another

// The two uniforms of each of the blocks first .. first + lanes - 1.
struct Uniforms {
  double u[lanes], v[lanes];
};

// philox() of all of them at once: one vector a word.
Uniforms draw(const PhiloxStream& stream, int64_t first) {
  uint32_t words[4][lanes];
  for (int64_t i = 0; i < lanes; ++i) {
    const auto counter = stream.counter(static_cast<uint32_t>(first + i));
    for (std::size_t word = 0; word < 4; ++word) words[word][i] = counter[word];
  }
  auto key = stream.key();
  for (int round = 0; round < philox_rounds; ++round) {
#pragma omp simd
    for (int64_t i = 0; i < lanes; ++i)
      philox_round(words[0][i], words[1][i], words[2][i], words[3][i], key[0], key[1]);
    key = next_philox_key(key);
  }
  Uniforms drawn;
#pragma omp simd
  for (int64_t i = 0; i < lanes; ++i) drawn.u[i] = uniform_of(words[0][i], words[1][i]);
#pragma omp simd
  for (int64_t i = 0; i < lanes; ++i) drawn.v[i] = uniform_of(words[2][i], words[3][i]);
  return drawn;
}

// Writes scale.of(i) * x, i from `value` on, for those of the attempts [begin, end) that are within the limit, in their
// order, and no more than up to value `most`. x is that of normal_of() to the last bit: a vector of values of which
// each is known to within `error` will do where all numbers that near become the same T and fall on the same side of
// the limit; elsewhere (one in millions for float) x is computed. Returns the value after the last.
template <typename T>
int64_t fill_accepted(const PhiloxStream& stream, int64_t begin, int64_t end, const NormalScale& scale, double limit,
                      int64_t value, int64_t most, T* out) {
  constexpr double error = 1e-12;  // a hundred times what 4 ulp of log and cos make of it
  for (int64_t at = begin; at < end && value < most; at += lanes) {
    const Uniforms drawn = draw(stream, at);
    const double std = scale.of(value);
    const bool one_scale = std == scale.of(value + lanes);
    double size[lanes];
    T least[lanes], greatest[lanes];
#pragma omp simd
    for (int64_t i = 0; i < lanes; ++i) {
      const double x = std::sqrt(-2.0 * ::log(drawn.u[i])) * ::cos(2.0 * std::numbers::pi * drawn.v[i]);
      size[i] = std::abs(x);
      least[i] = static_cast<T>(std * (x - error));
      greatest[i] = static_cast<T>(std * (x + error));
    }
    for (int64_t i = 0; i < std::min(lanes, end - at) && value < most; ++i) {
      if (size[i] > limit + error) continue;
      if (one_scale && size[i] < limit - error && least[i] == greatest[i]) {
        out[value++] = least[i];
      } else if (const double x = normal_of(drawn.u[i], drawn.v[i]); std::abs(x) <= limit) {
        out[value] = static_cast<T>(scale.of(value) * x);
        ++value;
      }
    }
  }
  return value;
}

// How many of the attempts [begin, end) are. |x| is at most sqrt(-2 log u), so that few of them need it computed.
int64_t count_accepted(const PhiloxStream& stream, int64_t begin, int64_t end, double limit) {
  const double surely = std::exp(-0.5 * limit * limit) * (1 + 1e-9);
  int64_t count = 0;
  for (int64_t at = begin; at < end; at += lanes) {
    const Uniforms drawn = draw(stream, at);
    for (int64_t i = 0; i < std::min(lanes, end - at); ++i)
      count += drawn.u[i] > surely || std::abs(normal_of(drawn.u[i], drawn.v[i])) <= limit ? 1 : 0;
  }
  return count;
}

}  // namespace

template <typename T>
void uniform(Cpu, const PhiloxStream& stream, int64_t first, double bound, int64_t n, T* out) {
  parallel_ranges(n, n, [=, &stream](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const int64_t draw = first + i;
      const auto bits = stream.block(static_cast<uint32_t>(draw / 2));
      const std::size_t at = draw % 2 == 0 ? 0 : 2;
      out[i] = static_cast<T>(bound * (2 * uniform_of(bits[at], bits[at + 1]) - 1));
    }
  });
}

// Which attempt gives which value is known only when those before it are counted: so pieces of as many attempts as there
// are values to come are counted first and drawn then; what was rejected is made up for in a further, shorter round.
template <typename T>
void truncated_normal(Cpu, const PhiloxStream& stream, const NormalScale& scale, double limit, int64_t n, T* out) {
  int64_t first = 0, value = 0;
  while (value < n) {
    const int64_t attempts = n - value, pieces = ceil_div(attempts, piece_size);
    const auto begin_of = [=](int64_t piece) { return first + std::min(attempts, piece * piece_size); };
    std::vector<int64_t> starts(static_cast<std::size_t>(pieces) + 1, value);  // of each piece's values
    parallel_ranges(pieces, attempts, [&](int64_t begin, int64_t end) {
      for (int64_t p = begin; p < end; ++p)
        starts[static_cast<std::size_t>(p) + 1] = count_accepted(stream, begin_of(p), begin_of(p + 1), limit);
    });
    for (std::size_t p = 1; p < starts.size(); ++p) starts[p] += starts[p - 1];
    parallel_ranges(pieces, attempts, [&](int64_t begin, int64_t end) {
      for (int64_t p = begin; p < end; ++p)
        fill_accepted(stream, begin_of(p), begin_of(p + 1), scale, limit, starts[static_cast<std::size_t>(p)], n, out);
    });
    first += attempts;
    value = starts.back();
  }
}

template <typename T>
void truncated_normal_rows(Cpu, const PhiloxStream* streams, double std, double limit, int64_t rows, int64_t width,
                           T* out) {
  using E = Exact<T>;
  parallel_ranges(rows, 16 * rows * width, [=](int64_t begin, int64_t end) {
    std::vector<E> values(static_cast<std::size_t>(width));
    for (int64_t row = begin; row < end; ++row) {
      int64_t value = 0;
      for (int64_t first = 0; value < width; first += lanes)
        value = fill_accepted(streams[row], first, first + lanes, {std}, limit, value, width, values.data());
      for (int64_t i = 0; i < width; ++i) store(values[static_cast<std::size_t>(i)], out[row * width + i]);
    }
  });
}
template void truncated_normal_rows(Cpu, const PhiloxStream*, double, double, int64_t, int64_t, bfloat16*);

#define MODR_RANDOM(T)                                                                               \
  template void uniform(Cpu, const PhiloxStream&, int64_t, double, int64_t, T*);                     \
  template void truncated_normal(Cpu, const PhiloxStream&, const NormalScale&, double, int64_t, T*); \
  template void truncated_normal_rows(Cpu, const PhiloxStream*, double, double, int64_t, int64_t, T*);
MODR_RANDOM(float)
MODR_RANDOM(double)

}  // namespace modr::kernels
